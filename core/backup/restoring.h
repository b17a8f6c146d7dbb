/* SPDX-License-Identifier: MIT */
/*
 * restoring.h - the job that replaces images of a VM by restored ones. These are written beside
 * the images. When all are complete, each takes the place of the image, which is kept under
 * another name. Interrupted before that, the new ones are removed; afterwards, it is finished.
 */
#ifndef MAQET_BACKUP_RESTORING_H
#define MAQET_BACKUP_RESTORING_H

#include "core/job/job.h"

enum { MAQET_RESTORING_WRITE, MAQET_RESTORING_REPLACE };

/* One drive. */
struct maqet_restoring_drive {
    char *name;
    char *image;             /* links resolved */
    char *staged;            /* the new image, until it takes that place */
    char *kept;              /* the name that the image gets; NULL: there is none */
    uint64_t size;           /* that the guest sees, in bytes */
    bool ours;               /* the image was created by maqet, or there is none */
    struct maqet_file_id id; /* of the new image; all 0: it was not created yet */
};

struct maqet_restoring {
    struct maqet_restoring_drive *drives;
    size_t count;
};

void maqet_restoring_clear(struct maqet_restoring *restoring);

#define _cleanup_restoring_ _cleanup_(maqet_restoring_clear)

/* Puts it into the journal of a job, which is not written yet. */
void maqet_restoring_note(const struct maqet_restoring *restoring, struct maqet_job *job);

/* Replaces the images. What was replaced already stays so. */
int maqet_restoring_replace(const struct maqet_restoring *restoring,
                            struct maqet_opened *machine, struct maqet_error **err);

/* The drive of a VM as one whose image is the new one. The caller frees; NULL on error. */
struct maqet_drive *maqet_restoring_target(const struct maqet_drive *drive,
                                           const char *staged, struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_restore;

#endif
