/* SPDX-License-Identifier: MIT */
/*
 * list.h - lists snapshots.
 */
#ifndef MAQET_SNAPSHOT_LIST_H
#define MAQET_SNAPSHOT_LIST_H

#include "core/snapshot/choice.h"
#include "core/storage/snapshots.h"

/* The snapshots of one drive. */
struct maqet_drive_list {
    char *drive;
    struct maqet_snapshots snapshots;
    char **names;     /* of each: the name that users know it by */
    ssize_t *parents; /* of each: the index of its parent; -1: not known */
    bool *in_set;     /* of each: it belongs to a set */
    ssize_t now;      /* the parent of the present state; -1: not known */
};

struct maqet_snapshot_list {
    char *vm;
    bool live; /* QEMU runs */
    struct maqet_drive_list *drives;
    size_t count;
};

/* Needs vm, drive, exclude. Drives without support for snapshots are left out. */
struct maqet_snapshot_list *
maqet_snapshot_list(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request,
                    struct maqet_error **err);
void maqet_snapshot_list_cleanup(struct maqet_snapshot_list **list);

#define _cleanup_snapshot_list_ _cleanup_(maqet_snapshot_list_cleanup)

#endif
