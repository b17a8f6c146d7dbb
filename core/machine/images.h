/* SPDX-License-Identifier: MIT */
/*
 * images.h - what is remembered of a machine's images (core/storage/record.h), in its
 * folder: images.json. A record is written before an image gets its name, and confirmed
 * at each start; so an image that is missing is told from one that never existed, and one
 * whose backing file has changed is not started.
 */
#ifndef MAQET_MACHINE_IMAGES_H
#define MAQET_MACHINE_IMAGES_H

#include "core/storage/record.h"

struct maqet_images {
    struct maqet_image_record *items;
    size_t count;
};

struct maqet_vm;

/* Reads a list of records from a file; there is none: an empty list. What can't be read,
 * or is damaged, is an error, and never an empty list. */
int maqet_images_read(const char *path, struct maqet_images *images,
                      struct maqet_error **err);
int maqet_images_write(const char *path, const struct maqet_images *images,
                       struct maqet_error **err);
/* Reads the list of created images that maqet kept before it had records; there is none:
 * an empty list. */
int maqet_images_read_created(const char *path, struct maqet_images *images,
                              struct maqet_error **err);
void maqet_images_clear(struct maqet_images *images);

#define _cleanup_images_ _cleanup_(maqet_images_clear)

/* Those of a machine. */
int maqet_images_load(const struct maqet_context *context, const char *name,
                      struct maqet_images *images, struct maqet_error **err);
int maqet_images_save(const struct maqet_context *context, const char *name,
                      const struct maqet_images *images, struct maqet_error **err);

/* An empty record at the end of the list, which owns it. */
struct maqet_image_record *maqet_images_append(struct maqet_images *images);

/* The record of a path; NULL: there is none. */
struct maqet_image_record *maqet_images_find(const struct maqet_images *images,
                                             const char *path);

/* Takes a record off the list. */
void maqet_images_remove(struct maqet_images *images, size_t index);

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
