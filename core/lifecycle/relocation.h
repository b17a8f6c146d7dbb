/* SPDX-License-Identifier: MIT */
/*
 * relocation.h - a drive that gets another image with the same content, in another folder or of
 * another type: what is recorded about it meanwhile, and afterwards.
 *
 * The new image is complete and on the disk before the stored definition names it. That decides:
 * an interrupted relocation is completed from then on, and undone before. The old image is
 * removed last.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_H
#define MAQET_LIFECYCLE_RELOCATION_H

#include "core/job/job.h"
#include "core/lifecycle/plugging.h"

/* Its phases. The drive is being switched over only in a QEMU that runs, with its guest paused;
 * once it is recorded that it is switched, the stored definition names the new image. */
enum { MAQET_RELOCATION_COPY, MAQET_RELOCATION_SWITCH, MAQET_RELOCATION_REMOVE };

struct maqet_relocation {
    struct maqet_opened *machine; /* locked */
    struct maqet_plugging before; /* the drive as it was */
    struct maqet_plugging after;  /* the drive with the new image; its records are used */
    json_object *running; /* the changed entries of the definitions, NULL: it does */
    json_object *stored;  /* not run */
    char *from;           /* the paths of the images */
    char *to;
    char *target;  /* the node of the new image that is copied to while QEMU runs */
    bool converts; /* to another type */
    /* The image and its overlays stay as they are: they are moved as files. Of a machine that runs, QEMU
     * copies what the guest writes to. */
    bool whole;
    bool created;             /* maqet created the old image for this machine */
    bool resumes;             /* the guest ran when it began */
    int64_t pid;              /* of QEMU; 0: it did not run */
    struct maqet_file_id old; /* the old image */
    struct maqet_file_id new; /* the new one, if it is moved as a file; all 0: not yet */
    struct maqet_file_id folder; /* that of the new overlays, likewise */
    char *kept;                  /* result: why the old image stays; NULL: it does not */
};

void maqet_relocation_clear(struct maqet_relocation *relocation);
#define _cleanup_relocation_ _cleanup_(maqet_relocation_clear)

/* Whether its QEMU runs still. */
bool maqet_relocation_is_live(const struct maqet_relocation *relocation);

/* ---- the job ---- */

int maqet_relocation_begin(const struct maqet_relocation *relocation,
                           struct maqet_job *job, const struct maqet_job_kind *kind,
                           struct maqet_error **err);

/* Records what is known of the files by now, and the phase. */
int maqet_relocation_note(const struct maqet_relocation *relocation,
                          struct maqet_job *job, size_t phase, struct maqet_error **err);

/* Looks at the new image, and its overlays, when they have been put there. */
int maqet_relocation_look_at_new(struct maqet_relocation *relocation,
                                 struct maqet_error **err);

/* Opens what an interrupted job is about. */
int maqet_relocation_reopen(struct maqet_relocation *relocation,
                            const struct maqet_job *job, struct maqet_error **err);

/* ---- its end ---- */

/* Writes the changed entries into the definitions, the stored one first. */
int maqet_relocation_commit(const struct maqet_relocation *relocation,
                            struct maqet_error **err);

/* Whether the stored definition names the new image. */
int maqet_relocation_is_committed(const struct maqet_relocation *relocation,
                                  bool *committed, struct maqet_error **err);

/* Removes the old image and its record, unless somebody needs it (relocation->kept). */
int maqet_relocation_finish(struct maqet_relocation *relocation,
                            struct maqet_error **err);

/* Removes the new image and its record. @written: others may have written to it since. */
int maqet_relocation_undo(struct maqet_relocation *relocation, bool written,
                          struct maqet_error **err);

/* Records the new image, which the file @file (not yet under its own name) will be. */
int maqet_relocation_record(void *data, const struct maqet_drive *drive, const char *file,
                            const struct maqet_file_id *id, struct maqet_error **err);

#endif
