/* SPDX-License-Identifier: MIT */
/*
 * plan.h - which drives of a machine its clone shares with it, which it gets as overlays on frozen
 * nodes, and of which it gets a copy.
 */
#ifndef MAQET_CLONE_PLAN_H
#define MAQET_CLONE_PLAN_H

#include "core/snapshot/session.h"
#include "core/storage/conversion.h"

enum maqet_clone_way {
    MAQET_CLONE_AUTO,   /* linked if all drives can be, else full */
    MAQET_CLONE_LINKED, /* overlays on the source's nodes */
    MAQET_CLONE_FULL,   /* copies */
    MAQET_CLONE_EACH,   /* each drive that can be is linked, and the others are copied */
    MAQET_CLONE_SHOWN,  /* the same, but it only sees their content, and gets no image */
    /* Each drive that can be is linked; of others, if they can be read meanwhile, it only sees the
     * content of a snapshot. */
    MAQET_CLONE_DISCARDED,
};

enum maqet_clone_part {
    MAQET_PART_SHARED, /* the clone has the same: a share, or what is only read */
    MAQET_PART_LATER,  /* there is no image yet; each creates its own */
    MAQET_PART_LINKED,
    MAQET_PART_COPIED,
    MAQET_PART_SHOWN, /* it has no image of its own, and sees that of the source */
};

struct maqet_clone_drive {
    const struct maqet_drive *drive; /* of the source */
    enum maqet_clone_part part;
    bool cut; /* its topmost node is to be frozen first */
    /* What the clone's drive begins with; of a linked one, a node. */
    struct maqet_copy_source from;
    struct maqet_snapshots snapshots;
    struct maqet_blank
        *blank; /* for the images of linked ones; NULL: there is only one */
};

struct maqet_clone_plan {
    bool linked;
    struct maqet_clone_drive *drives;
    size_t count;
};

/* Plans clones of a machine. @snapshot (NULL: none): of its state then. */
int maqet_clone_plan_make(struct maqet_session *session, const char *snapshot,
                          enum maqet_clone_way way, struct maqet_clone_plan *plan,
                          struct maqet_error **err);

/* Freezes the topmost nodes, all at one moment; the guest goes on in new ones. */
int maqet_clone_plan_cut(struct maqet_session *session, struct maqet_clone_plan *plan,
                         struct maqet_error **err);

void maqet_clone_plan_clear(struct maqet_clone_plan *plan);
#define _cleanup_clone_plan_ _cleanup_(maqet_clone_plan_clear)

#endif
