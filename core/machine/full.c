/* SPDX-License-Identifier: MIT */
/*
 * full.c - the "io-status" of a device is "nospace" or "failed" from the failed access until
 * the guest is resumed (QEMU QMP reference).
 */
#include "core/machine/full.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/storage/space.h"

/* With fewer bytes a write may fail: images grow by clusters of at most that size. */
static const uint64_t LEAST_SPACE = 2 << 20;

void
maqet_full_clear(struct maqet_full *full)
{
    for (size_t i = 0; i < full->count; i++) {
        free(full->items[i].drive);
        free(full->items[i].file);
        free(full->items[i].file_system);
    }
    free(full->items);
    *full = (struct maqet_full){0};
}

/* ---- reading ---- */

/* The lowest file of a node, which QEMU names by its path, or by "json:{...}" if a path
 * is not enough. The caller frees. */
static char *
file_of(const char *name, const char *folder)
{
    static const char json[] = "json:";

    if (!name || !*name)
        return NULL;
    if (!maqet_text_starts(name, json))
        return maqet_path_absolute(name, folder);
    _cleanup_json_ json_object *options =
        maqet_json_parse(name + strlen(json), name, NULL);
    json_object *node = options, *below = NULL;
    while (json_object_object_get_ex(node, "file", &below) &&
           json_object_is_type(below, json_type_object))
        node = below;
    const char *path = maqet_json_text(node, "filename");
    return path ? maqet_path_absolute(path, folder) : NULL;
}

/* The mount point of a file's file system. The caller frees. */
static char *
mount_of(const char *file)
{
    _cleanup_free_ char *path = realpath(file, NULL);
    struct stat status, above;

    if (!path || stat(path, &status) < 0)
        return NULL;
    for (;;) {
        char *folder = maqet_path_folder(path);

        if (strcmp(folder, path) == 0 || stat(folder, &above) < 0 ||
            above.st_dev != status.st_dev) {
            free(folder);
            return TAKE_PTR(path);
        }
        free(path);
        path = folder;
    }
}

static const char *
name_of(json_object *device)
{
    json_object *inserted = json_object_object_get(device, "inserted");
    const char *name = maqet_json_text(device, "device");
    const char *node = maqet_json_text(inserted, "node-name");
    const char *path = maqet_json_text(device, "qdev");

    if (!name || !*name)
        name = node && *node ? node : path;
    return name ? name : "?";
}

static void
add_drive(json_object *device, const char *folder, struct maqet_full *full)
{
    json_object *inserted = json_object_object_get(device, "inserted");
    struct maqet_full_drive *drive = MAQET_APPEND(full->items, full->count);

    drive->drive = maqet_strdup(name_of(device));
    drive->file = file_of(maqet_json_text(inserted, "file"), folder);
    drive->measured = drive->file && maqet_space_available(drive->file, &drive->free);
    if (drive->measured)
        drive->file_system = mount_of(drive->file);
}

/* The next one from *index on with that "io-status"; NULL: there is none. */
static json_object *
next_device(json_object *devices, const char *wanted, size_t *index)
{
    size_t count = json_object_is_type(devices, json_type_array)
                       ? json_object_array_length(devices)
                       : 0;

    while (*index < count) {
        json_object *device = json_object_array_get_idx(devices, (*index)++);
        const char *status = maqet_json_text(device, "io-status");

        if (status && strcmp(status, wanted) == 0)
            return device;
    }
    return NULL;
}

void
maqet_full_read(json_object *devices, const char *folder, struct maqet_full *full)
{
    json_object *device;
    size_t index = 0;

    while ((device = next_device(devices, "nospace", &index)))
        add_drive(device, folder, full);
}

void
maqet_failed_read(json_object *devices, struct maqet_strings *names)
{
    json_object *device;
    size_t index = 0;

    while ((device = next_device(devices, "failed", &index)))
        maqet_strings_addf(names, "'%s'", name_of(device));
}

int
maqet_full_ask(struct maqet_qmp *qmp, const char *folder, int64_t timeout,
               struct maqet_full *full, struct maqet_error **err)
{
    _cleanup_json_ json_object *devices =
        maqet_qmp_execute(qmp, "query-block", NULL, timeout, err);

    if (!devices)
        return -1;
    maqet_full_read(devices, folder, full);
    return 0;
}

/* ---- messages ---- */

bool
maqet_full_lasts(const struct maqet_full *full)
{
    for (size_t i = 0; i < full->count; i++)
        if (full->items[i].file_system && full->items[i].free < LEAST_SPACE)
            return true;
    return false;
}

char *
maqet_full_text(const struct maqet_full *full)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < full->count; i++) {
        const struct maqet_full_drive *drive = &full->items[i];

        maqet_text_appendf(&text, "%sthere is no space for drive '%s'",
                           i > 0 ? "; and " : "", drive->drive);
        if (drive->file_system) {
            _cleanup_free_ char *size = maqet_text_bytes(drive->free);
            maqet_text_appendf(&text,
                               ": %s are free in the file system at %s, which "
                               "contains %s",
                               size, drive->file_system, drive->file);
        } else if (drive->file) {
            maqet_text_appendf(&text, " (%s)", drive->file);
        }
    }
    return maqet_text_take(&text);
}

int
maqet_full_error(const struct maqet_full *full, const char *vm, struct maqet_error **err)
{
    _cleanup_free_ char *text = maqet_full_text(full);

    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "The guest of VM '%s' is paused and cannot be resumed: %s", vm, text);
    maqet_full_hint(full, vm, err);
    return -1;
}

void
maqet_full_hint(const struct maqet_full *full, const char *vm, struct maqet_error **err)
{
    const char *where = full->count > 0 ? full->items[0].file_system : NULL;

    maqet_error_next(err, where ? MAQET_NEXT_FREE_SPACE_IN : MAQET_NEXT_FREE_SPACE, vm,
                     where, NULL);
}
