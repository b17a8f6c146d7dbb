/* SPDX-License-Identifier: MIT */
/*
 * bases.h - backing files: whether they have changed since the image on top of them was
 * created or first used, and that nobody writes to them.
 */
#ifndef MAQET_MACHINE_BASES_H
#define MAQET_MACHINE_BASES_H

#include "core/machine/vm.h"

/* Whether the backing files of a drive's image are unchanged. MAQET_ERROR_STATE: what has
 * changed, and how to accept it. */
int maqet_bases_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether a drive's image may be written to. MAQET_ERROR_STATE: it is the backing file of
 * an image that the error names. A read-only drive always passes. */
int maqet_bases_check_unused(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for the files that the machine's `arguments` let the guest write to. */
int maqet_bases_check_arguments(const struct maqet_vm *vm, struct maqet_error **err);

/* The image that has a file as its backing file, as a phrase: "the image /a of VM 'b',
 * drive 'c'". NULL: none, except for those in @going (may be NULL). The caller frees. */
char *maqet_bases_dependent(const struct maqet_context *context, const char *path,
                            const struct maqet_strings *going);

/* Notes in the overlays of a drive (none: nothing) which nodes images of other drives stand on,
 * so that these are neither merged nor removed. */
void maqet_bases_note_needs(const struct maqet_drive *drive);

#endif
