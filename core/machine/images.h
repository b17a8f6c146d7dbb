/* SPDX-License-Identifier: MIT */
/*
 * images.h - the records of a machine's images (core/storage/record.h), in images.json in
 * its folder. A record is written before an image gets its name, and confirmed at each
 * start.
 */
#ifndef MAQET_MACHINE_IMAGES_H
#define MAQET_MACHINE_IMAGES_H

#include "core/machine/images_file.h"

struct maqet_vm;

/* Gives each drive of a machine its records. */
void maqet_images_attach(struct maqet_vm *vm);

/* Records an image that was created for the machine and is about to get its name, or storage
 * elsewhere (@id NULL) that is about to be created. The caller holds the machine's lock, here
 * and below. */
int maqet_images_note_created(struct maqet_vm *vm, const struct maqet_drive *drive,
                              const struct maqet_file_id *id, struct maqet_error **err);

/* Records that a drive's image exists, its state, and its backing files: with
 * @accept_bases as they are now, otherwise only if they were not known. @created: it was
 * created just now. Storage elsewhere whose creation was interrupted is not known to be ours.
 * Writes nothing to the disk before maqet_images_confirm(). */
int maqet_images_note_seen(struct maqet_vm *vm, const struct maqet_drive *drive,
                           const struct maqet_image_state *state, bool created,
                           bool accept_bases, struct maqet_error **err);

/* Drops the records of images that no drive has any more, by their paths, with the user's
 * consent. Those of images that maqet created move to the list of images without a
 * machine, because their disk may come back. */
int maqet_images_give_up(struct maqet_vm *vm, const struct maqet_strings *paths,
                         struct maqet_error **err);

/* Writes the records if anything is new. If only dates are, a failure is a warning. */
int maqet_images_confirm(struct maqet_vm *vm, struct maqet_error **err);

#endif
