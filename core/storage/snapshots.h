/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - the snapshots of one drive: what its plugin, or QEMU, reports of them,
 * and the plugin's own steps, offline. What several drives and a running QEMU have to do
 * with it stands in core/snapshot/.
 */
#ifndef MAQET_STORAGE_SNAPSHOTS_H
#define MAQET_STORAGE_SNAPSHOTS_H

#include "core/base/process.h"
#include "core/storage/drive.h"

struct maqet_snapshot {
    char *id;
    char *name; /* as the format has it: it may break our rule */
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t vm_clock;     /* ns */
    uint64_t vm_state;     /* bytes of memory; 0: disk only */
    uint64_t virtual_size; /* 0: not known */
    bool used_known;
    uint64_t used; /* bytes that deleting it frees */
};

struct maqet_snapshots {
    struct maqet_snapshot **items; /* the oldest first */
    size_t count;
};

void maqet_snapshots_clear(struct maqet_snapshots *snapshots);

#define _cleanup_snapshots_ _cleanup_(maqet_snapshots_clear)

/* The first snapshot of that name; *more (may be NULL) tells whether it is not the only
 * one. NULL: there is none. */
const struct maqet_snapshot *maqet_snapshots_find(const struct maqet_snapshots *snapshots,
                                                  const char *name, bool *more);

/* Whether both are the same snapshot, by id and date: a name may be given again, and so
 * may an id. */
bool maqet_snapshot_same(const struct maqet_snapshot *a, const struct maqet_snapshot *b);

/* Its date for people, "2026-11-28T04:33:26.123+00:00". The caller frees. */
char *maqet_snapshot_date_text(const struct maqet_snapshot *snapshot);

/* Whether a new snapshot may be called so: [A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}. */
bool maqet_snapshot_name_valid(const char *name);

/* Whether the drive's type has snapshots at all, and the drive something to keep: the
 * guest can write to it. */
bool maqet_drive_has_snapshots(const struct maqet_drive *drive);

/* The explanation for one that hasn't. Returns -1. */
int maqet_drive_error_no_snapshots(const struct maqet_drive *drive,
                                   struct maqet_error **err);

/* Reads the list from the image itself, which QEMU may have open. */
int maqet_drive_snapshots_read(const struct maqet_drive *drive,
                               struct maqet_snapshots *snapshots,
                               struct maqet_error **err);

/* The plugin's steps, offline. The caller has made sure that QEMU does not run. A
 * snapshot that only stands in for another one, @stands_for (NULL: it doesn't), is called
 * after that in errors. */
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

/* Whether its image can keep a snapshot, running or not; before anything is changed. */
int maqet_drive_snapshot_can_create(const struct maqet_drive *drive,
                                    struct maqet_error **err);

/* Renames one in place. MAQET_ERROR_UNSUPPORTED: the plugin can't; MAQET_ERROR_BUSY:
 * another program has the image open. */
int maqet_drive_snapshot_rename(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot, const char *name,
                                struct maqet_error **err);

/* Offers what a snapshot holds at a unix socket, by a server that runs beside us; returns
 * when it is ready. */
int maqet_drive_snapshot_serve(const struct maqet_drive *drive,
                               const struct maqet_snapshot *snapshot, const char *socket,
                               struct maqet_process_server *server,
                               struct maqet_error **err);

#endif
