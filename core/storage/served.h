/* SPDX-License-Identifier: MIT */
/*
 * served.h - what a drive holds, or one of its snapshots, as an image that other programs can
 * read meanwhile: a server (server.h) offers it.
 */
#ifndef MAQET_STORAGE_SERVED_H
#define MAQET_STORAGE_SERVED_H

#include "core/base/process.h"
#include "core/storage/snapshots.h"

/* QEMU's block driver of such images. */
#define MAQET_SERVED_DRIVER "nbd"

struct maqet_served {
    struct maqet_process_server server;
    char *socket;
    char *image; /* by which QEMU opens it, with MAQET_SERVED_DRIVER */
};

/* Starts a server that offers a snapshot of a drive, or with NULL what the drive holds now, which
 * nobody may write to meanwhile; at a socket in a folder that only we can enter. Returns when it
 * is ready. */
int maqet_served_begin(struct maqet_served *served, const struct maqet_drive *drive,
                       const struct maqet_snapshot *snapshot, const char *socket,
                       struct maqet_error **err);

/* Ends it. */
void maqet_served_end(struct maqet_served *served);
#define _cleanup_served_ _cleanup_(maqet_served_end)

#endif
