/* SPDX-License-Identifier: MIT */
/*
 * snapshots.c - RBD's own snapshots, which every other program sees too: made by rbd at
 * rest, and by QEMU's driver while QEMU runs.
 */
#include "rbd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "rbd snap WORD IMAGE@NAME". */
static struct maqet_command *
snap_command(const struct maqet_drive *drive, const char *word, const char *name)
{
    const char *const words[] = {"snap", word, NULL};
    struct maqet_command *command = rbd_image_command(drive, words);

    maqet_command_arg(command, "--snap=%s", name);
    return command;
}

static int
create(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    struct maqet_command *command = snap_command(drive, "create", name);

    maqet_command_arg(command, "--no-progress");
    return rbd_run(drive, command, err);
}

/* RBD rolls back beneath a QEMU that runs, and says nothing. */
static int
load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
     struct maqet_error **err)
{
    struct maqet_command *command;

    if (rbd_check_unused(drive, err) < 0)
        return -1;
    command = snap_command(drive, "rollback", maqet_snapshot_name(snapshot));
    maqet_command_arg(command, "--no-progress");
    return rbd_run(drive, command, err);
}

static int delete (const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                   struct maqet_error **err)
{
    struct maqet_command *command =
        snap_command(drive, "rm", maqet_snapshot_name(snapshot));

    maqet_command_arg(command, "--no-progress");
    return rbd_run(drive, command, err);
}

/* ---- listing ---- */

/* "Mon Nov 23 23:07:09 2026", as ctime(3) writes it, in local time. -1: something else.
 */
static time_t
moment(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm time = {.tm_isdst = -1};
    char month[4];
    const char *found;

    if (!text || sscanf(text, "%*3s %3s %d %d:%d:%d %d", month, &time.tm_mday,
                        &time.tm_hour, &time.tm_min, &time.tm_sec, &time.tm_year) != 6)
        return -1;
    found = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!found || (found - months) % 3 != 0)
        return -1;
    time.tm_mon = (int)((found - months) / 3);
    time.tm_year -= 1900;
    return mktime(&time);
}

static const char *
text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                        : NULL;
}

static json_object *
read_list(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const words[] = {"snap", "ls", NULL};

    return rbd_ask(drive, rbd_image_command(drive, words), json_type_array, err);
}

/* What they cost is not told: RBD counts what a snapshot refers to, alone or not. */
static int
list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    int exists = rbd_exists(drive, err);
    json_object *found = exists > 0 ? read_list(drive, err) : NULL;

    (void)fd;
    if (!found)
        return exists == 0 ? rbd_error_missing(drive, err) : -1;
    for (size_t i = 0; i < json_object_array_length(found); i++) {
        json_object *entry = json_object_array_get_idx(found, i), *id = NULL,
                    *size = NULL;
        const char *name = text_of(entry, "name");
        time_t date = moment(text_of(entry, "timestamp"));
        struct maqet_snapshot *snapshot;

        if (!name || !json_object_object_get_ex(entry, "id", &id))
            continue;
        snapshot = maqet_snapshots_add(snapshots, json_object_get_string(id), name);
        if (date != -1)
            maqet_snapshot_date(snapshot, date, 0);
        if (json_object_object_get_ex(entry, "size", &size))
            maqet_snapshot_virtual_size(snapshot, (uint64_t)json_object_get_int64(size));
    }
    json_object_put(found);
    return 0;
}

/* ---- renaming ---- */

/* The name that the snapshot of this id has now; the caller frees. NULL: there is none.
 */
static char *
present_name(const struct maqet_drive *drive, const char *id, struct maqet_error **err)
{
    json_object *found = read_list(drive, err);
    char *name = NULL;

    for (size_t i = 0; found && !name && i < json_object_array_length(found); i++) {
        json_object *entry = json_object_array_get_idx(found, i), *value = NULL;

        if (json_object_object_get_ex(entry, "id", &value) &&
            strcmp(json_object_get_string(value), id) == 0 && text_of(entry, "name"))
            name = strdup(text_of(entry, "name"));
    }
    if (found && !name)
        maqet_error_set(err, MAQET_ERROR_MISSING, "it has no such snapshot");
    json_object_put(found);
    return name;
}

static int
rename_snapshot(const struct maqet_drive *drive, int fd,
                const struct maqet_snapshot *snapshot, const char *name,
                struct maqet_error **err)
{
    char *now = present_name(drive, maqet_snapshot_id(snapshot), err);
    int result = now ? 0 : -1;

    (void)fd;
    if (now && strcmp(now, name) != 0) {
        struct maqet_command *command = snap_command(drive, "rename", now);
        const char *namespace = maqet_drive_string(drive, "namespace");

        maqet_command_arg(command, "--dest-pool=%s", maqet_drive_string(drive, "pool"));
        if (namespace)
            maqet_command_arg(command, "--dest-namespace=%s", namespace);
        maqet_command_arg(command, "--dest=%s", maqet_drive_string(drive, "image"));
        maqet_command_arg(command, "--dest-snap=%s", name);
        result = rbd_run(drive, command, err);
    }
    free(now);
    return result;
}

/* ---- while QEMU runs ---- */

static int
live_create(const struct maqet_drive *drive, const char *name,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "name", name);
    return 0;
}

/* QEMU's driver knows them by name only. */
static int
live_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-delete-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "name", maqet_snapshot_name(snapshot));
    return 0;
}

/* ---- reading one ---- */

static void
set_member(void *data, const char *key, const char *value)
{
    json_object_object_add(data, key, json_object_new_string(value));
}

/* Appends the snapshot as QEMU's programs take an image: an image of its own, since RBD
 * opens a snapshot by its name and not through the image that it is of. */
static void
add_image(struct maqet_command *command, const struct maqet_drive *drive,
          const struct maqet_snapshot *snapshot)
{
    json_object *node = json_object_new_object();
    char *secret = rbd_secret_id(drive), *prefix;

    if (secret && asprintf(&prefix, "secret,id=%s,format=base64,file", secret) >= 0) {
        maqet_command_arg(command, "--object");
        maqet_command_option(command, prefix, maqet_drive_string(drive, "key_file"));
        free(prefix);
    }
    free(secret);
    rbd_describe(drive, set_member, node);
    set_member(node, "snapshot", maqet_snapshot_name(snapshot));
    maqet_command_arg(command, "json:%s",
                      json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN));
    json_object_put(node);
}

static int
write_out(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
          const char *path, const char *format, bool compress, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "convert");
    maqet_command_arg(command, "-p");
    if (compress)
        maqet_command_arg(command, "-c");
    maqet_command_arg(command, "-O");
    maqet_command_arg(command, "%s", format);
    add_image(command, drive, snapshot);
    maqet_command_arg(command, "%s", path);
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static struct maqet_command *
serve(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
      const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    (void)err;
    maqet_command_arg(command, "--read-only");
    maqet_command_arg(command, "--persistent");
    maqet_command_arg(command, "--socket=%s", socket);
    add_image(command, drive, snapshot);
    return command;
}

const struct maqet_snapshot_table rbd_snapshot_table = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = create,
    .load = load,
    .remove = delete,
    .list = list,
    .live_create = live_create,
    .live_remove = live_remove,
    .rename = rename_snapshot,
    .write_out = write_out,
    .serve = serve,
};
