/* SPDX-License-Identifier: MIT */
/*
 * images.h - what is remembered of a machine's images (core/storage/record.h), in its
 * folder: images.json. A record is written before an image gets its name, and confirmed
 * at each start; so an image that is missing is told from one that never existed, and one
 * whose backing file has changed is not started.
 */
#ifndef MAQET_MACHINE_IMAGES_H
#define MAQET_MACHINE_IMAGES_H

#include "core/machine/images_file.h"

struct maqet_vm;

/* Gives each drive of a machine its records. */
void maqet_images_attach(struct maqet_vm *vm);

/* Remembers an image that was made for the machine as @file and is about to get its name.
 * Its caller holds the machine's lock, as that of all that follow. */
int maqet_images_note_created(struct maqet_vm *vm, const struct maqet_drive *drive,
                              const struct maqet_file_id *id, struct maqet_error **err);

/* Remembers that a drive's image is there, in its present state, and what its backing
 * files are: anew with @accept_bases, else only where that was not known. Nothing is on
 * the disk before maqet_images_confirm(). */
int maqet_images_note_seen(struct maqet_vm *vm, const struct maqet_drive *drive,
                           const struct maqet_image_state *state, bool accept_bases,
                           struct maqet_error **err);

/* Forgets images by their paths, which no drive has any more, as the user has agreed to
 * go on without them. Those that maqet made are remembered without the machine, should
 * their disk come back. */
int maqet_images_give_up(struct maqet_vm *vm, const struct maqet_strings *paths,
                         struct maqet_error **err);

/* Writes what was noted, if there is anything new; that only dates can't be written is no
 * more than a warning. */
int maqet_images_confirm(struct maqet_vm *vm, struct maqet_error **err);

#endif
