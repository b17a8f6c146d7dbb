/* SPDX-License-Identifier: MIT */
/*
 * relocation_files.h - the image of a drive that no QEMU has open, and its overlays, as files in
 * another folder; or of one that QEMU has open what is frozen, with an empty topmost overlay. Within a file system, they get second names there; otherwise they are
 * copied. Until the definition names the new place, the old one stays as it is.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_FILES_H
#define MAQET_LIFECYCLE_RELOCATION_FILES_H

#include "core/lifecycle/relocation.h"

/* Puts all files into the new place. *copied: they are copies. */
int maqet_relocation_move_files(struct maqet_relocation *relocation,
                                struct maqet_job *job, bool *copied,
                                struct maqet_error **err);

/* Removes what a killed command has left in the new place under temporary names. */
void maqet_relocation_sweep_files(const struct maqet_relocation *relocation);

#endif
