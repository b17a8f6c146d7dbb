/* SPDX-License-Identifier: MIT */
/*
 * publication.h - a new image, which appears as a whole or not at all, and replaces nothing:
 * it is written under another name, with a lock file beside it, and synced before it gets its
 * own. What a killed maqet leaves is known by its name, and goes with the next creation.
 */
#ifndef MAQET_STORAGE_PUBLICATION_H
#define MAQET_STORAGE_PUBLICATION_H

#include "core/storage/record.h"

/* An image that is being created: the folder, and the names in it. */
struct maqet_publication {
    const struct maqet_drive *drive;
    const char *name; /* the image's, within the folder */
    char *lock;
    char *temporary;
    char *folder; /* links resolved */
    int folder_fd;
    int lock_fd;
    struct maqet_file_id id; /* of the finished file */
};

/* The drive has a path. */
struct maqet_publication maqet_publication_of(const struct maqet_drive *drive);
void maqet_publication_clear(struct maqet_publication *publication);
#define _cleanup_publication_ _cleanup_(maqet_publication_clear)

/* Opens the folder, if an image may be created there. */
int maqet_publication_open(struct maqet_publication *publication,
                           struct maqet_error **err);

/* Locks the lock file beside the image, and removes it. @timeout is in ms. */
int maqet_publication_lock(struct maqet_publication *publication, int64_t timeout,
                           struct maqet_error **err);
void maqet_publication_unlock(struct maqet_publication *publication);

/* Puts the content of a new image into the file @path, which is empty, or another file in its
 * place. */
typedef int maqet_publication_make(void *data, const struct maqet_drive *drive,
                                   const char *path, struct maqet_error **err);

/* With the lock held: has the temporary file made, syncs and records it (@recorder may be
 * NULL). */
int maqet_publication_write(struct maqet_publication *publication,
                            maqet_publication_make *make, void *data,
                            const struct maqet_image_recorder *recorder,
                            struct maqet_error **err);

/* Gives the finished file its name. 1: another file has that name by now. */
int maqet_publication_publish(struct maqet_publication *publication,
                              struct maqet_error **err);

/* With the lock held: removes the temporary file. */
void maqet_publication_discard(const struct maqet_publication *publication);

/* Whether a killed maqet has left its temporary file, or at least its lock file, which is
 * empty. */
bool maqet_publication_has_leftovers(const struct maqet_publication *publication);

/* Whether another process is creating the image. */
bool maqet_publication_is_busy(const struct maqet_publication *publication);

#endif
