/* SPDX-License-Identifier: MIT */
/*
 * target.h - the image of a drive in a backup, and the node by which QEMU writes it. The
 * image is one of the type of overlays. QEMU gets it as a descriptor, without the image
 * that it stands on: only whole clusters are written to it.
 */
#ifndef MAQET_BACKUP_TARGET_H
#define MAQET_BACKUP_TARGET_H

#include "core/machine/opened.h"

/* The present size of a drive in QEMU, whose nodes are @nodes, in bytes. */
int maqet_target_size(const struct maqet_opened *machine, const struct maqet_drive *drive,
                      json_object *nodes, uint64_t *size, struct maqet_error **err);

/* The type of the images of backups of a drive: a storage plugin. */
const char *maqet_target_type(const struct maqet_drive *drive);

/* What an increment stands on. */
struct maqet_target_base {
    const char *name; /* of its image, relative to the folder of the new one */
    const char *type; /* a storage plugin */
};

/* Creates an image for a drive that has @bytes. Without @base it is a full one. Returns it as a
 * drive, which is valid while @drive is, and which the caller frees; NULL on error. */
struct maqet_drive *maqet_target_create(const struct maqet_drive *drive, const char *path,
                                        uint64_t bytes,
                                        const struct maqet_target_base *base,
                                        struct maqet_error **err);

/* The same in a file that exists, and is empty. */
struct maqet_drive *maqet_target_fill(const struct maqet_drive *drive, const char *path,
                                      uint64_t bytes,
                                      const struct maqet_target_base *base,
                                      struct maqet_error **err);

/* The node-name of the image of a drive, and the id of the job that writes it. The caller
 * frees. */
char *maqet_target_node(const char *drive);

/* Has QEMU open it. */
int maqet_target_open(struct maqet_opened *machine, const struct maqet_drive *target,
                      struct maqet_error **err);

/* Has QEMU close the image of a drive, when no job writes it any more. It need not be there.
 * A guest that is paused for lack of space is resumed: if its own disk is full, QEMU pauses it
 * again. */
int maqet_target_close(struct maqet_opened *machine, const char *drive,
                       struct maqet_error **err);

/* What is said of the job that writes it. */
struct maqet_target_words {
    const char *done;   /* "backed up", for its progress */
    const char *noun;   /* "backup" */
    const char *folder; /* where the image is */
};

/* Waits until the job of a drive has ended. */
int maqet_target_wait(struct maqet_opened *machine, const char *drive,
                      const struct maqet_target_words *words, struct maqet_error **err);

/* Cancels the job, and has QEMU close the image. Neither need be there. */
int maqet_target_cancel(struct maqet_opened *machine, const char *drive,
                        struct maqet_error **err);

#endif
