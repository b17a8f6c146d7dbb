/* SPDX-License-Identifier: MIT */
/*
 * bases.h - backing files: that they are what they were when the image on top of them was
 * created or first used, and that nobody writes to a file that is one.
 */
#ifndef MAQET_MACHINE_BASES_H
#define MAQET_MACHINE_BASES_H

#include "core/machine/vm.h"

/* Whether the backing files of a drive's image are what they were when it was created, or
 * first started with: MAQET_ERROR_STATE says what has changed, and how to accept that. */
int maqet_bases_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether nothing depends on a drive's image, so that it may be written to:
 * MAQET_ERROR_STATE names the machine whose image has it as a backing file. Read-only
 * drives are fine. */
int maqet_bases_check_unused(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for what the guest can write to by the machine's own `arguments`. */
int maqet_bases_check_arguments(const struct maqet_vm *vm, struct maqet_error **err);

/* Which image has a file as its backing file, as a phrase ("the image /a of VM 'b', drive
 * 'c'"); NULL: none is known but those in @going (may be NULL). The caller frees. */
char *maqet_bases_dependent(const struct maqet_context *context, const char *path,
                            const struct maqet_strings *going);

#endif
