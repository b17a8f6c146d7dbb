/* SPDX-License-Identifier: MIT */
/*
 * create.h - creates snapshots.
 */
#ifndef MAQET_SNAPSHOT_CREATE_H
#define MAQET_SNAPSHOT_CREATE_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"

enum maqet_consistency {
    MAQET_CONSISTENCY_CRASH,       /* as after a power cut */
    MAQET_CONSISTENCY_FILE_SYSTEM, /* the guest's file systems were frozen */
    MAQET_CONSISTENCY_OFF,         /* as the guest left it when it powered off */
};

struct maqet_snapshot_receipt {
    bool live;
    bool stopped; /* the guest was paused for @pause ms, by QEMU's clock */
    double pause;
    double wall;   /* ms for all of it */
    bool replaced; /* there was one of that name */
    enum maqet_consistency consistency;
    struct maqet_strings drives;
    struct maqet_snapshot_left left;
};

void maqet_snapshot_receipt_clear(struct maqet_snapshot_receipt *receipt);

/* Whether a new snapshot, or "checkpoint", may have that name. */
int maqet_snapshot_check_name(const char *noun, const char *name,
                              struct maqet_error **err);

/* Needs vm, drive, exclude, name, way, overwrite, freeze_timeout. */
int maqet_snapshot_create(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          struct maqet_snapshot_receipt *receipt,
                          struct maqet_error **err);

/* Warns of drives whose present state stands on many files: each read of what was not written
 * since may have to look into all of them. */
void maqet_snapshot_warn_of_depth(const struct maqet_session *session);

/* What finishing one does, also for a checkpoint (struct maqet_job_phase). */
#define MAQET_CREATE_FINISHING                                                           \
    "keeps '{name}' if it is complete on {drives}, and deletes its parts if not"

extern const struct maqet_job_kind maqet_kind_create, maqet_kind_overwrite;

#endif
