/* SPDX-License-Identifier: MIT */
/*
 * file_users.h - the processes that have a file open. Locks of open file descriptions
 * have no PID (F_OFD_GETLK, fcntl(2)), so their holders are searched in /proc, by the
 * files that processes have open.
 */
#ifndef MAQET_MACHINE_FILE_USERS_H
#define MAQET_MACHINE_FILE_USERS_H

#include "core/base/error.h"

struct maqet_file_users {
    struct maqet_file_user {
        int pid;
        char *command;  /* "qemu-img convert disk ...", printable; never NULL */
        char *vm;       /* the machine whose QEMU it is; NULL: none, or not known */
        char *data_dir; /* of that machine; NULL: ours */
        bool helper;    /* it runs beside that QEMU */
        bool locked;    /* it has a lock on the file */
    } * items;
    size_t count;
};

void maqet_file_users_clear(struct maqet_file_users *users);

#define _cleanup_file_users_ _cleanup_(maqet_file_users_clear)

/* How many are named at most. */
enum { MAQET_FILE_USERS_NAMED = 4 };

/* The other processes that have a file or block device open, under any name, ordered by
 * PID. There may be more that we may not inspect, such as other users'. The machines
 * among them are identified by maqet_holders_find(). */
int maqet_file_users_find(const char *path, struct maqet_file_users *users,
                          struct maqet_error **err);

/* The same for a socket, by its inode ("socket:[12]", proc_pid_fd(5)). */
int maqet_file_users_find_socket(uint64_t inode, struct maqet_file_users *users,
                                 struct maqet_error **err);

/* Moves those with a lock to the front, and returns their number. The others do no harm,
 * and must not be ended. */
size_t maqet_file_users_select_locked(struct maqet_file_users *users);

/* The first @count of them, after "in use by": "QEMU of VM 'b' (PID 123) and 'qemu-img
 * convert ...' (PID 456)", or "the helper of VM 'b' (PID 124)". Without any: that they are not visible. The caller frees. */
char *maqet_file_users_text(const struct maqet_file_users *users, size_t count);

/* Whether a process has a file or block device open. False if we may not inspect it. */
bool maqet_file_users_has_open(int pid, const char *path);

/* Whether anybody has a lock on the file: also processes that are not visible, and we
 * ourselves. */
bool maqet_file_users_locked(const char *path);

/* The same, but those do not count that only read, and let others write to the image meanwhile
 * (QEMU: force-share), such as the server of a snapshot. */
bool maqet_file_users_exclusive(const char *path);

/* The same, but only those count that may write to the image. */
bool maqet_file_users_written(const char *path);

#endif
