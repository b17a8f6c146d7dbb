/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - the snapshots of one drive: what its plugin reports about them, and the
 * plugin's offline operations. core/snapshot/ handles several drives and a running QEMU.
 */
#ifndef MAQET_STORAGE_SNAPSHOTS_H
#define MAQET_STORAGE_SNAPSHOTS_H

#include "core/base/process.h"
#include "core/storage/drive.h"

struct maqet_snapshot {
    char *id;
    char *name; /* may be one that maqet_snapshot_name_valid() rejects */
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t vm_clock;     /* ns */
    uint64_t vm_state;     /* bytes of memory; 0: disk only */
    uint64_t virtual_size; /* 0: not known */
    bool used_known;
    uint64_t used; /* bytes that its deletion frees */
    bool moved_known;
    uint64_t moved; /* bytes that its deletion writes from one file into another one */
    bool takes_known;
    double takes; /* ms that this takes, as far as former ones tell */
};

struct maqet_snapshots {
    struct maqet_snapshot **items; /* oldest first */
    size_t count;
};

void maqet_snapshots_clear(struct maqet_snapshots *snapshots);

#define _cleanup_snapshots_ _cleanup_(maqet_snapshots_clear)

/* Adds one; takes both texts. */
struct maqet_snapshot *maqet_snapshots_append(struct maqet_snapshots *snapshots, char *id,
                                              char *name);

/* The first snapshot with a name; NULL: none. *more (may be NULL): there are others. */
const struct maqet_snapshot *maqet_snapshots_find(const struct maqet_snapshots *snapshots,
                                                  const char *name, bool *more);

/* Whether both are the same snapshot, by id and date, since names and ids may be reused.
 */
bool maqet_snapshot_same(const struct maqet_snapshot *a, const struct maqet_snapshot *b);

/* "2026-11-28T04:33:26.123+00:00". The caller frees. */
char *maqet_snapshot_date_text(const struct maqet_snapshot *snapshot);

/* Whether a new snapshot may have the name: [A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}. */
bool maqet_snapshot_name_valid(const char *name);

/* Whether the drive's type has snapshots, and the guest can write to the drive. */
bool maqet_drive_has_snapshots(const struct maqet_drive *drive);

/* The error for a drive that has none. Returns -1. */
int maqet_drive_error_no_snapshots(const struct maqet_drive *drive,
                                   struct maqet_error **err);

/* Reads the list from the image itself, which QEMU may have open. */
int maqet_drive_snapshots_read(const struct maqet_drive *drive,
                               struct maqet_snapshots *snapshots,
                               struct maqet_error **err);

/* The plugin's operations while QEMU does not run. @stands_for (may be NULL): the
 * snapshot is a temporary copy of that one, which errors name. */
int maqet_drive_snapshot_create(const struct maqet_drive *drive, const char *name,
                                const char *stands_for, struct maqet_error **err);
int maqet_drive_snapshot_load(const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot,
                              struct maqet_error **err);
int maqet_drive_snapshot_remove(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot,
                                const char *stands_for, struct maqet_error **err);
int maqet_drive_snapshot_repair(const struct maqet_drive *drive,
                                struct maqet_error **err);

/* Whether the image can have another snapshot; nothing is changed yet. */
int maqet_drive_snapshot_can_create(const struct maqet_drive *drive,
                                    struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: the plugin cannot rename; MAQET_ERROR_BUSY: another program
 * has the image open. */
int maqet_drive_snapshot_rename(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot, const char *name,
                                struct maqet_error **err);

/* Starts a server that offers the content of a snapshot at a Unix socket; returns when it
 * is ready. */
int maqet_drive_snapshot_serve(const struct maqet_drive *drive,
                               const struct maqet_snapshot *snapshot, const char *socket,
                               struct maqet_process_server *server,
                               struct maqet_error **err);

#endif
