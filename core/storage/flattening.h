/* SPDX-License-Identifier: MIT */
/*
 * flattening.h - makes the image of a drive independent of the backing files that its options
 * declare: it gets what they hold and it does not. What the drive shows stays the same, and so
 * does what its overlays show.
 */
#ifndef MAQET_STORAGE_FLATTENING_H
#define MAQET_STORAGE_FLATTENING_H

#include "core/storage/drive.h"

/* Whether its options declare a backing file. */
bool maqet_flattening_has_bases(const struct maqet_drive *drive);

/* Adds the paths of those, the topmost one first. */
void maqet_flattening_bases(const struct maqet_drive *drive, struct maqet_strings *bases);

/* Whether its plugin can do it. */
bool maqet_flattening_is_possible(const struct maqet_drive *drive);

/* Whether there is space in the image's file system for what it would get, as far as that can be
 * determined, unless the drive may be overcommitted. */
int maqet_flattening_check_space(const struct maqet_drive *drive,
                                 struct maqet_error **err);

/* Merges, while no QEMU has the image open. The image stores no backing file afterwards. After an
 * interruption, it can be done again. */
int maqet_flattening_merge(const struct maqet_drive *drive, struct maqet_error **err);

/* Gives the image, on which overlays stand, the permission to be written to, or takes it away; then what is
 * in it is recorded. Without overlays, it stays as it is. */
int maqet_flattening_thaw(const struct maqet_drive *drive, struct maqet_error **err);
int maqet_flattening_freeze(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether an image stands alone, of a drive whose options declare bases (@before), which is the same
 * as @after, whose options do not. */
int maqet_flattening_is_done(const struct maqet_drive *before,
                             const struct maqet_drive *after, bool *done,
                             struct maqet_error **err);

/* Removes the declaration from an entry. */
void maqet_flattening_change_entry(json_object *entry);

#endif
