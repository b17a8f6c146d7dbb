/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - whether a machine may have its `arguments`, which also depends on how it
 * will run and on its drives; and locks on the files that they make QEMU write to. maqet
 * takes these locks and QEMU inherits them, so they are held until QEMU dies.
 *
 * Each file is locked at a byte that QEMU does not use (block/file-posix.c), which only
 * keeps other machines from it. A file that QEMU does not lock at all, such as one for
 * the guest's memory, is also locked as QEMU locks images, so QEMU and qemu-img refuse
 * it.
 */
#ifndef MAQET_MACHINE_ARGUMENTS_H
#define MAQET_MACHINE_ARGUMENTS_H

#include "core/machine/vm.h"

/* Checks them. A QEMU that is @detached has no terminal. */
int maqet_vm_arguments_check(const struct maqet_vm *vm, bool detached,
                             struct maqet_error **err);

/* Warns of those that are allowed, but do not do what is expected. */
void maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached);

struct maqet_argument_locks {
    int *fds; /* one for each locked file */
    size_t count;
    struct maqet_strings made; /* empty files that did not exist before */
};

/* MAQET_ERROR_BUSY, with its name, if a program other than the machine's own QEMU has one
 * of them. */
int maqet_argument_files_check_free(const struct maqet_vm *vm, struct maqet_error **err);

/* Locks them all, for a QEMU that is about to start. A file that QEMU would create is
 * created, empty, and only for its user. MAQET_ERROR_BUSY says who has one. */
int maqet_argument_files_lock(const struct maqet_vm *vm,
                              struct maqet_argument_locks *locks,
                              struct maqet_error **err);

/* Closes the descriptors; what a QEMU has inherited stays locked. */
void maqet_argument_locks_release(struct maqet_argument_locks *locks);

/* The same, and frees all. */
void maqet_argument_locks_clear(struct maqet_argument_locks *locks);

/* Removes the files that were created, if no QEMU runs. */
void maqet_argument_locks_undo(struct maqet_argument_locks *locks);

#endif
