/* SPDX-License-Identifier: MIT */
/*
 * model.h - a drive whose snapshots become overlays, or are inside of its image from now on: what
 * is recorded about it meanwhile.
 *
 * What is new is built beside the image, which does not change. Once all of it is on the disk
 * and that is recorded, the conversion is completed, also after an interruption; before, what
 * is new is removed.
 */
#ifndef MAQET_SNAPSHOT_MODEL_H
#define MAQET_SNAPSHOT_MODEL_H

#include "core/job/job.h"
#include "core/lifecycle/plugging.h"
#include "core/snapshot/history_keys.h"

enum { MAQET_MODEL_BUILD, MAQET_MODEL_SWITCH };

struct maqet_model_change {
    struct maqet_opened *machine; /* locked, and stopped */
    char *drive;
    bool to_overlays;         /* else from overlays */
    char *image;              /* the path of the drive's image */
    char *staged;             /* that of what is new, meanwhile */
    struct maqet_file_id old; /* the image in the beginning */
    struct maqet_file_id new; /* a new image; all 0: there is none yet */
    char
        *root; /* the key of the snapshot that the image is to show, under the overlays */
    struct maqet_history_keys *keys; /* of the snapshots */
    size_t key_count;
};

void maqet_model_clear(struct maqet_model_change *change);
#define _cleanup_model_ _cleanup_(maqet_model_clear)

/* Fills in the paths. */
void maqet_model_begin(struct maqet_model_change *change, struct maqet_opened *machine,
                       const struct maqet_drive *drive, bool to_overlays);

/* Opens the drive as one with overlays or without, with its image at @path. */
int maqet_model_open(const struct maqet_model_change *change, bool overlays,
                     const char *path, struct maqet_plugging *plugging,
                     struct maqet_error **err);

/* Notes what a snapshot is converted to. */
void maqet_model_add(struct maqet_model_change *change,
                     const struct maqet_snapshot *before,
                     const struct maqet_snapshot *after);

/* ---- the job ---- */

/* As texts of the job's journal; the caller frees. */
char *maqet_model_details(const struct maqet_model_change *change);

/* Records what is known by now, and the phase. */
int maqet_model_note(const struct maqet_model_change *change, struct maqet_job *job,
                     size_t phase, struct maqet_error **err);

/* Reads what an interrupted job is about. */
int maqet_model_reopen(struct maqet_model_change *change, const struct maqet_job *job,
                       struct maqet_error **err);

/* ---- its end ---- */

/* Writes the key into the stored definition. */
int maqet_model_write_key(const struct maqet_model_change *change,
                          struct maqet_error **err);

/* Removes what is new. */
int maqet_model_undo(const struct maqet_model_change *change, struct maqet_error **err);

#endif
