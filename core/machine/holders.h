/* SPDX-License-Identifier: MIT */
/*
 * holders.h - who has an image open, and the error that says so. QEMU's locks are locks
 * of open file descriptions and have no PID (F_OFD_GETLK, fcntl(2)), so the holder is
 * looked for in /proc, by the identity of the files that processes have open.
 */
#ifndef MAQET_MACHINE_HOLDERS_H
#define MAQET_MACHINE_HOLDERS_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/machine/vm.h"

struct maqet_holder {
    int pid;
    char *command;  /* "qemu-img convert disk ...", to be shown; never NULL */
    char *vm;       /* the machine whose QEMU it is; NULL: none of ours */
    char *data_dir; /* where that machine is; NULL: in our data folder */
    bool locked;    /* it has a lock on the file, and not only the file open */
};

/*
 * The processes but ourselves that have a file, or block device, open: under whatever
 * name, by PID. Those that we may not look at, such as other users', are passed over, so
 * there can be more than *count. The caller frees with the function below.
 */
int maqet_holders_find(const struct maqet_context *context, const char *path,
                       struct maqet_holder **list, size_t *count,
                       struct maqet_error **err);
void maqet_holders_free(struct maqet_holder *list, size_t count);

/* Whether a process has a file, or block device, open. False also where we may not look.
 */
bool maqet_holders_has_open(int pid, const char *path);

/* Whether somebody has a lock on the file, even one whom we can't see; we ourselves count
 * too, with every other descriptor than one that this function opens. */
bool maqet_holders_locked(const char *path);

/* Whether somebody writes to what a drive's options name besides its image, which is not
 * there yet: MAQET_ERROR_BUSY. */
int maqet_holders_check_named(const struct maqet_vm *vm, const struct maqet_drive *drive,
                              struct maqet_error **err);

/* Adds to an error about a lock that could not be had who has it, as far as that can be
 * seen, and what to do. */
void maqet_holders_hint_lock(const struct maqet_context *context, const char *path,
                             struct maqet_error **err);

/* "QEMU of virtual machine 'b' (PID 123) and 'qemu-img convert ...' (PID 456)", to follow
 * "in use by"; without any, it says that they can't be seen. The caller frees. */
char *maqet_holders_text(const struct maqet_holder *list, size_t count);

/* Whether QEMU or qemu-img failed because another process has an image locked. */
bool maqet_holders_is_conflict(const struct maqet_error *error);

/*
 * Replaces such an error by MAQET_ERROR_BUSY: which drive and image of the machine it is
 * about, who has it, and what to do. @drive is the one that was worked on; NULL: it may
 * be any, as in a start. The program that failed must have ended. The new message begins
 * with the machine's name, so this comes after all wrapping. A conflict that is over by
 * now keeps its words and gets a hint; other errors stay as they are. Returns -1.
 */
int maqet_holders_explain(const struct maqet_vm *vm, const struct maqet_drive *drive,
                          struct maqet_error **err);

/* The error for a file that is locked by somebody: @what begins the sentence, "is in use
 * by ..." ends it. Returns -1. */
int maqet_holders_error(const struct maqet_vm *vm, const char *what, const char *path,
                        struct maqet_error **err);

/* Whether anybody has the drive's image locked, or uses what it is made of as far as its
 * plugin can tell, before it is worked on: the same error. */
int maqet_holders_check(const struct maqet_vm *vm, const struct maqet_drive *drive,
                        struct maqet_error **err);

#endif
