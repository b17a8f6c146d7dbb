/* SPDX-License-Identifier: MIT */
#include "core/storage/record.h"

#include <string.h>
#include <time.h>

/* A backing node. */
static const struct maqet_fields node_fields = MAQET_FIELDS_OF(
    struct maqet_node, {"option", MAQET_FIELD(struct maqet_node, option)},
    {"path", MAQET_FIELD(struct maqet_node, file)},
    {"device", MAQET_FIELD(struct maqet_node, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_node, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_node, id.birth), .optional = true},
    {"size", MAQET_FIELD(struct maqet_node, size), .optional = true},
    {"mtime", MAQET_FIELD(struct maqet_node, mtime), .optional = true},
    {"checksum", MAQET_FIELD(struct maqet_node, checksum)});

#define TEXT(member)                                                                     \
    {                                                                                    \
#member, MAQET_FIELD(struct maqet_image_record, member), .optional = true,       \
                                                                 .sparse = true          \
    }
const struct maqet_fields maqet_image_record_fields = MAQET_FIELDS_OF(
    struct maqet_image_record, {"drive", MAQET_FIELD(struct maqet_image_record, drive)},
    {"type", MAQET_FIELD(struct maqet_image_record, type)}, TEXT(path), TEXT(place),
    {"device", MAQET_FIELD(struct maqet_image_record, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_image_record, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_image_record, id.birth), .optional = true},
    {"size", MAQET_FIELD(struct maqet_image_record, size), .optional = true},
    {"created", MAQET_FIELD(struct maqet_image_record, created), .optional = true},
    TEXT(vm), TEXT(uuid), TEXT(data_dir), TEXT(host),
    {"seen", MAQET_FIELD(struct maqet_image_record, seen), .optional = true},
    {"bases",
     MAQET_FIELD_LIST(struct maqet_image_record, bases.nodes, bases.count, &node_fields),
     .optional = true});

/* Whether an option may tell one storage from another: a pool, a port, a number of a disk.
 * What a secret is does not, nor do sizes and switches. */
static bool
tells(enum maqet_option_type type)
{
    return type == MAQET_OPTION_STRING || type == MAQET_OPTION_PATH ||
           type == MAQET_OPTION_INT || type == MAQET_OPTION_CHOICE;
}

char *
maqet_drive_place(const struct maqet_drive *drive)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    const struct maqet_values *values = &drive->options[MAQET_OF_STORAGE].values;

    for (size_t i = 0; i < values->count; i++) {
        const struct maqet_value *value = &values->items[i];

        if (tells(value->row->type) && value->text)
            maqet_text_appendf(&text, "%s%s=%s", text.length > 0 ? "," : "", value->name,
                               value->text);
    }
    return maqet_text_take(&text);
}

bool
maqet_image_keeps_type(const struct maqet_drive *drive, const struct maqet_file_id *id)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    const struct maqet_image_record *record = drive->record;
    struct stat status;

    if (!(plugin->flags & MAQET_STORAGE_PLAIN) || !record || !record->path ||
        strcmp(record->type, plugin->name) != 0)
        return false;
    /* The inode of a block device is a new one after each boot. */
    return maqet_file_id_is_same_file(&record->id, id) ||
           (strcmp(record->path, drive->path) == 0 && stat(drive->path, &status) == 0 &&
            S_ISBLK(status.st_mode));
}

/* ---- missing images ---- */

static bool
was_seen(const struct maqet_image_record *record)
{
    return record && (record->seen > 0 || record->presumed);
}

bool
maqet_image_vanished(const struct maqet_drive *drive)
{
    return was_seen(drive->record) || was_seen(drive->earlier);
}

/* "2026-11-28 04:12, size 20G, created by maqet". The caller frees. */
static char *
describe(const struct maqet_image_record *record)
{
    _cleanup_free_ char *when = maqet_text_date(record->seen);
    _cleanup_free_ char *size = record->size > 0 ? maqet_text_size(record->size) : NULL;

    return maqet_format("%s%s%s%s", when, size ? ", size " : "", size ? size : "",
                        record->created ? ", created by maqet" : "");
}

/* What is missing, and when it was last seen. The caller frees. */
static char *
vanished_text(const struct maqet_drive *drive, const struct maqet_image_record *record)
{
    if (record->presumed)
        return maqet_format("the image %s is missing; the VM was started before, by a "
                            "maqet that kept no record of images, so it may have been "
                            "there",
                            drive->path);
    _cleanup_free_ char *last = describe(record);
    if (!record->path) {
        _cleanup_free_ char *place = maqet_drive_place(drive);

        return strcmp(record->place, place) == 0
                   ? maqet_format("its storage (%s) is missing; it was last there on %s",
                                  record->place, last)
                   : maqet_format("there is no storage (%s), and what the drive had "
                                  "before (%s) was last there on %s",
                                  place, record->place, last);
    }
    if (strcmp(record->path, drive->path) == 0)
        return maqet_format("the image %s is missing; it was last there on %s",
                            record->path, last);
    if (strcmp(record->drive, drive->name) == 0)
        return maqet_format("there is no image %s, and its earlier image %s is missing "
                            "too; it was last there on %s",
                            drive->path, record->path, last);
    return maqet_format("there is no image %s, and %s, which the VM's drive '%s' had, is "
                        "missing too; it was last there on %s",
                        drive->path, record->path, record->drive, last);
}

int
maqet_image_error_vanished(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_image_record *record =
        was_seen(drive->record) ? drive->record : drive->earlier;
    const char *vm = drive->machine->vm_name;
    _cleanup_free_ char *text = vanished_text(drive, record);

    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_MISSING,
                      "%s", text);
    if (drive->path) {
        maqet_error_hint(err, "If its disk is not mounted, mount it");
        maqet_error_next(err, MAQET_NEXT_MOVE_BACK, vm, NULL);
    } else {
        maqet_error_next(err, MAQET_NEXT_BRING_BACK, vm, NULL);
    }
    if (!maqet_drive_readonly(drive))
        maqet_error_next(err, MAQET_NEXT_START_EMPTY, vm, NULL);
    return -1;
}
