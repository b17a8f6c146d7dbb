/* SPDX-License-Identifier: MIT */
#include "core/conformance/overlay_scenarios.h"

#include <fcntl.h>

#include "core/conformance/scenarios.h"
#include "core/conformance/stack.h"
#include "core/storage/overlay_view.h"
#include "core/storage/snapshots.h"

enum callback { CREATE, CREATE_NOWHERE, RENAME, MERGE_DOWN, MERGE_UP, USED, USED_FOLDER };

static int
call_used(const struct maqet_drive *view, const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t bytes;

    return fd < 0 ? SCENARIO_NONE : view->storage->overlay.used(view, fd, &bytes, err);
}

static int
call(const struct bench *bench, const struct maqet_drive *view, enum callback callback,
     struct maqet_error **err)
{
    const struct maqet_overlay_table *table = &view->storage->overlay;
    _cleanup_free_ char *nowhere = bench_path(bench, "no-such-folder/overlay");

    switch (callback) {
    case CREATE:
        return table->create(view, view->path, BENCH_SIZE, err);
    case CREATE_NOWHERE:
        return table->create(view, nowhere, BENCH_SIZE, err);
    case RENAME:
        return table->rename_backing(view, err);
    case MERGE_DOWN:
        return table->merge_down(view, err);
    case MERGE_UP:
        return table->merge_up(view, view->backing.name, view->backing.format, err);
    case USED:
        return call_used(view, view->path, err);
    case USED_FOLDER:
        break;
    }
    return call_used(view, bench->folder, err);
}

static int
try(struct bench *bench, enum callback callback, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = stack_drive(bench, "stacked", NULL);
    _cleanup_view_ struct maqet_view view = {0};

    if (!drive || !drive->overlays ||
        maqet_dir_make(drive->overlays->folder, 0700, NULL) < 0)
        return SCENARIO_NONE;
    const struct maqet_overlay *node = maqet_overlays_add(drive->overlays, 0, BENCH_SIZE);
    drive->overlays->top = node->id;
    if (bench_write(node->file.file, "", 0, NULL) < 0 ||
        maqet_view_make(drive, node->id, &view, NULL) < 0)
        return SCENARIO_NONE;
    return call(bench, view.drive, callback, err);
}

int
overlay_create(struct bench *bench, struct maqet_error **err)
{
    return try(bench, CREATE, err);
}

int
overlay_create_nowhere(struct bench *bench, struct maqet_error **err)
{
    return try(bench, CREATE_NOWHERE, err);
}

int
overlay_rename_empty(struct bench *bench, struct maqet_error **err)
{
    return try(bench, RENAME, err);
}

int
overlay_merge_down_empty(struct bench *bench, struct maqet_error **err)
{
    return try(bench, MERGE_DOWN, err);
}

int
overlay_merge_up_empty(struct bench *bench, struct maqet_error **err)
{
    return try(bench, MERGE_UP, err);
}

int
overlay_used_empty(struct bench *bench, struct maqet_error **err)
{
    return try(bench, USED, err);
}

int
overlay_used_folder(struct bench *bench, struct maqet_error **err)
{
    return try(bench, USED_FOLDER, err);
}

static void
delete_snapshot(const struct maqet_drive *drive, const char *name)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (maqet_drive_snapshots_read(drive, &snapshots, NULL) < 0)
        return;
    const struct maqet_snapshot *found = maqet_snapshots_find(&snapshots, name, NULL);
    if (found)
        maqet_drive_snapshot_remove(drive, found, NULL, NULL);
}

void
overlay_live(struct bench *bench)
{
    static const char *const names[] = {"first", "second", "third"};
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "stack", NULL);

    if (!drive || !drive->overlays)
        return;
    for (int i = 0; i < 3; i++)
        maqet_drive_snapshot_create(drive, names[i], NULL, NULL);
    delete_snapshot(drive, names[1]);
    delete_snapshot(drive, names[0]);
    delete_snapshot(drive, names[2]);
}
