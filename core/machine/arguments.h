/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - whether a machine may have its `arguments`: what QEMU can do with them
 * depends on how it is to run, and on the machine's drives. And the files that QEMU writes
 * to by them have one writer: a lock that maqet takes and QEMU inherits, so that it is
 * held until QEMU dies, however that happens.
 *
 * Each file is locked at a byte of maqet's own, where QEMU has no locks (QEMU:
 * block/file-posix.c), and so it is in nobody's way but that of another machine. What
 * QEMU does not lock at all, memory that is a file for example, is locked as a disk's
 * image is by QEMU besides, so that QEMU and qemu-img refuse it as well.
 */
#ifndef MAQET_MACHINE_ARGUMENTS_H
#define MAQET_MACHINE_ARGUMENTS_H

#include "core/machine/vm.h"

/* Checks them. Where QEMU is to be @detached, it has no terminal. */
int maqet_vm_arguments_check(const struct maqet_vm *vm, bool detached,
                             struct maqet_error **err);

/* Warns of those that it may have, and that do not do what is expected. */
void maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached);

/* The locks of a machine. */
struct maqet_argument_locks {
    int *fds; /* one for each file that is locked */
    size_t count;
    struct maqet_strings made; /* files that were not there, and are empty */
};

#define MAQET_ARGUMENT_LOCKS_INIT                                                        \
    {                                                                                    \
        .made = MAQET_STRINGS_INIT                                                       \
    }

/* Whether nobody else has them: MAQET_ERROR_BUSY tells who. The machine's own QEMU, if it
 * runs, does not count. */
int maqet_argument_files_check_free(const struct maqet_vm *vm, struct maqet_error **err);

/* Locks them all, for a QEMU that is about to start. A file that QEMU would make is made,
 * empty, and for its user only. MAQET_ERROR_BUSY tells who has one. */
int maqet_argument_files_lock(const struct maqet_vm *vm,
                              struct maqet_argument_locks *locks,
                              struct maqet_error **err);

/* Closes the descriptors: what a QEMU has inherited stays locked. */
void maqet_argument_locks_release(struct maqet_argument_locks *locks);

/* The same, and frees all. */
void maqet_argument_locks_clear(struct maqet_argument_locks *locks);

/* Removes the files that were made: no QEMU runs. */
void maqet_argument_locks_undo(struct maqet_argument_locks *locks);

#endif
