/* SPDX-License-Identifier: MIT */
/*
 * list.h - what there is.
 */
#ifndef MAQET_SNAPSHOT_LIST_H
#define MAQET_SNAPSHOT_LIST_H

#include "core/snapshot/choice.h"
#include "core/storage/snapshots.h"

/* One drive of a list. */
struct maqet_drive_list {
    char *drive;
    struct maqet_snapshots snapshots;
    char **names; /* of each, by which the user knows it */
    ssize_t
        *parents; /* of each: the index of the one that it was taken on; -1: not known */
    bool *in_set; /* of each: it was taken together with those of other drives */
    ssize_t now;  /* the one that the present state came of; -1: not known */
};

struct maqet_snapshot_list {
    char *vm;
    bool live; /* QEMU runs */
    struct maqet_drive_list *drives;
    size_t count;
};

/* Needs vm, drive, exclude. Of all drives, those without snapshots are left out. */
struct maqet_snapshot_list *
maqet_snapshot_list(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request,
                    struct maqet_error **err);
void maqet_snapshot_list_cleanup(struct maqet_snapshot_list **list);

#define _cleanup_snapshot_list_ _cleanup_(maqet_snapshot_list_cleanup)

#endif
