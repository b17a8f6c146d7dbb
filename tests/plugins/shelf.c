/* SPDX-License-Identifier: MIT */
/*
 * shelf.c - a storage plugin whose images are texts, so that what becomes of snapshots is
 * tried without QEMU and qemu-img: the first line is what the guest has, and each further
 * one a snapshot, "ID SECONDS NANOSECONDS NAME CONTENT". A file IMAGE.fails lists
 * callbacks that fail: "create", "load", "remove", "rename", "repair", "list", "can_create";
 * IMAGE.once the same for the next call alone.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <maqet-plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, LENGTH = 256 };

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "virtual size"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = NULL},
};

/* ---- failing to order ---- */

static bool
lists(const char *path, const char *word)
{
    FILE *file = fopen(path, "re");
    char line[LENGTH];
    bool found = false;

    while (file && fscanf(file, "%255s", line) == 1)
        found = found || strcmp(line, word) == 0;
    if (file)
        fclose(file);
    return found;
}

static bool
fails(const struct maqet_drive *drive, const char *callback, struct maqet_error **err)
{
    char path[4096];
    bool result;

    snprintf(path, sizeof(path), "%s.fails", maqet_drive_path(drive));
    result = lists(path, callback);
    snprintf(path, sizeof(path), "%s.once", maqet_drive_path(drive));
    if (!result && lists(path, callback)) {
        unlink(path);
        result = true;
    }
    if (result)
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s fails to order", callback);
    return result;
}

/* ---- the image ---- */

struct row {
    char id[LENGTH];
    long long seconds;
    unsigned nanoseconds;
    char name[LENGTH];
    char content[LENGTH];
};

struct shelf {
    char content[LENGTH];
    struct row rows[MOST];
    size_t count;
};

static int
read_shelf(const struct maqet_drive *drive, struct shelf *shelf, struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    FILE *file = fopen(path, "re");

    memset(shelf, 0, sizeof(*shelf));
    if (!file)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot open %s: %s", path,
                               strerror(errno));
    if (fscanf(file, "%255s", shelf->content) != 1)
        shelf->content[0] = '\0';
    for (; shelf->count < MOST; shelf->count++) {
        struct row *row = &shelf->rows[shelf->count];

        if (fscanf(file, "%255s %lld %u %255s %255s", row->id, &row->seconds,
                   &row->nanoseconds, row->name, row->content) != 5)
            break;
    }
    fclose(file);
    return 0;
}

/* In its place: it stays the same file. */
static int
write_shelf(const struct maqet_drive *drive, const struct shelf *shelf)
{
    FILE *file = fopen(maqet_drive_path(drive), "we");

    if (!file)
        abort();
    fprintf(file, "%s\n", shelf->content);
    for (size_t i = 0; i < shelf->count; i++) {
        const struct row *row = &shelf->rows[i];

        fprintf(file, "%s %lld %u %s %s\n", row->id, row->seconds, row->nanoseconds,
                row->name, row->content);
    }
    fclose(file);
    return 0;
}

static struct row *
find_row(struct shelf *shelf, const struct maqet_snapshot *snapshot)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (strcmp(shelf->rows[i].id, maqet_snapshot_id(snapshot)) == 0)
            return &shelf->rows[i];
    abort();
}

static int
shelf_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
            struct maqet_error **err)
{
    (void)drive, (void)err;
    *at_once = *at_most = 0;
    return 0;
}

static int
shelf_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    FILE *file = fopen(path, "we");

    (void)drive, (void)err;
    if (!file)
        abort();
    fputs("new\n", file);
    fclose(file);
    return 0;
}

static int
shelf_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    (void)fd, (void)err;
    maqet_image_format(image, "shelf");
    maqet_image_virtual_size(image, maqet_drive_size(drive, "size"));
    return 0;
}

static int
shelf_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "null-co");
    return 0;
}

/* ---- snapshots ---- */

static int
snapshot_create(const struct maqet_drive *drive, const char *name,
                struct maqet_error **err)
{
    struct timespec now;
    struct shelf shelf;

    if (fails(drive, "create", err) || read_shelf(drive, &shelf, err) < 0)
        return -1;
    struct row *row = &shelf.rows[shelf.count++];
    unsigned last = 0;
    for (size_t i = 0; i + 1 < shelf.count; i++) {
        unsigned id = (unsigned)atoi(shelf.rows[i].id);

        last = id > last ? id : last;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(row->id, sizeof(row->id), "%u", last + 1);
    snprintf(row->name, sizeof(row->name), "%s", name);
    memcpy(row->content, shelf.content, sizeof(row->content));
    row->seconds = now.tv_sec;
    row->nanoseconds = (unsigned)now.tv_nsec;
    return write_shelf(drive, &shelf);
}

static int
snapshot_load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              struct maqet_error **err)
{
    struct shelf shelf;

    if (fails(drive, "load", err) || read_shelf(drive, &shelf, err) < 0)
        return -1;
    memcpy(shelf.content, find_row(&shelf, snapshot)->content, sizeof(shelf.content));
    return write_shelf(drive, &shelf);
}

static int
snapshot_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    struct shelf shelf;

    if (fails(drive, "remove", err) || read_shelf(drive, &shelf, err) < 0)
        return -1;
    struct row *row = find_row(&shelf, snapshot);
    size_t behind = (size_t)(&shelf.rows[shelf.count] - row - 1);
    memmove(row, row + 1, behind * sizeof(*row));
    shelf.count--;
    return write_shelf(drive, &shelf);
}

static int
snapshot_rename(const struct maqet_drive *drive, int fd,
                const struct maqet_snapshot *snapshot, const char *name,
                struct maqet_error **err)
{
    struct shelf shelf;

    (void)fd;
    if (fails(drive, "rename", err) || read_shelf(drive, &shelf, err) < 0)
        return -1;
    struct row *row = find_row(&shelf, snapshot);
    snprintf(row->name, sizeof(row->name), "%s", name);
    return write_shelf(drive, &shelf);
}

static int
snapshot_repair(const struct maqet_drive *drive, struct maqet_error **err)
{
    return fails(drive, "repair", err) ? -1 : 0;
}

static int
snapshot_can_create(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    (void)fd;
    return fails(drive, "can_create", err) ? -1 : 0;
}

static int
snapshot_list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
              struct maqet_error **err)
{
    struct shelf shelf;

    (void)fd;
    if (fails(drive, "list", err) || read_shelf(drive, &shelf, err) < 0)
        return -1;
    for (size_t i = 0; i < shelf.count; i++) {
        const struct row *row = &shelf.rows[i];
        struct maqet_snapshot *snapshot =
            maqet_snapshots_add(snapshots, row->id, row->name);

        maqet_snapshot_date(snapshot, row->seconds, row->nanoseconds);
    }
    return 0;
}

static int
live_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data = maqet_actions_add(actions, "shelf-remove");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "id", maqet_snapshot_id(snapshot));
    return 0;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = snapshot_create,
    .load = snapshot_load,
    .remove = snapshot_remove,
    .list = snapshot_list,
    .live_remove = live_remove,
    .rename = snapshot_rename,
    .repair = snapshot_repair,
    .can_create = snapshot_can_create,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "shelf",
    .summary = "texts with snapshots, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "slots",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = shelf_space,
    .create = shelf_create,
    .inspect = shelf_inspect,
    .emit_args = shelf_emit_args,
    .snapshot = &snapshots,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
