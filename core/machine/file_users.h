/* SPDX-License-Identifier: MIT */
/*
 * file_users.h - the processes that have a file open. Locks of open file descriptions have
 * no PID (F_OFD_GETLK, fcntl(2)), so who holds one is looked for in /proc, by the identity
 * of the files that processes have open.
 */
#ifndef MAQET_MACHINE_FILE_USERS_H
#define MAQET_MACHINE_FILE_USERS_H

#include "core/base/error.h"

struct maqet_file_users {
    struct maqet_file_user {
        int pid;
        char *command; /* "qemu-img convert disk ...", to be shown; never NULL */
        char *vm; /* the machine whose QEMU it is; NULL: none of ours, or not known */
        char *data_dir; /* where that machine is; NULL: in our data folder */
        bool locked;    /* it has a lock on the file, and not only the file open */
    } * items;
    size_t count;
};

void maqet_file_users_clear(struct maqet_file_users *users);

#define _cleanup_file_users_ _cleanup_(maqet_file_users_clear)

/* How many are named where there may be hundreds. */
enum { MAQET_FILE_USERS_NAMED = 4 };

/* The processes but ourselves that have a file, or block device, open: under whatever
 * name, by PID. Those that we may not look at, such as other users', are passed over, so
 * there can be more. Which of them are machines tells maqet_holders_find(). */
int maqet_file_users_find(const char *path, struct maqet_file_users *users,
                          struct maqet_error **err);

/* Who has the file open without a lock is in nobody's way, and must not be ended for it:
 * moves the others to the front. Returns how many they are. */
size_t maqet_file_users_select_locked(struct maqet_file_users *users);

/* "QEMU of VM 'b' (PID 123) and 'qemu-img convert ...' (PID 456)", to follow
 * "in use by": the first @count of them; without any, it says that they can't be seen. The
 * caller frees. */
char *maqet_file_users_text(const struct maqet_file_users *users, size_t count);

/* Adds to an error about a lock that could not be had who has it, as far as that can be
 * seen, and what to do. */
void maqet_file_users_hint_lock(const char *path, struct maqet_error **err);

/* Whether a process has a file, or block device, open. False also where we may not look.
 */
bool maqet_file_users_has_open(int pid, const char *path);

/* Whether somebody has a lock on the file, even one whom we can't see; we ourselves count
 * too, with every other descriptor than one that this function opens. */
bool maqet_file_users_locked(const char *path);

#endif
