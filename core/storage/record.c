/* SPDX-License-Identifier: MIT */
#include "core/storage/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checksum.h"

/* Bytes of a backing file that are compared: its header, where it has one, and the tables
 * that mostly follow. */
enum { BEGINNING = 64 * 1024 };

static const struct maqet_field base_rows[] = {
    {"option", MAQET_FIELD(struct maqet_base_record, option)},
    {"path", MAQET_FIELD(struct maqet_base_record, path)},
    {"device", MAQET_FIELD(struct maqet_base_record, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_base_record, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_base_record, id.birth), .optional = true},
    {"size", MAQET_FIELD(struct maqet_base_record, size), .optional = true},
    {"mtime", MAQET_FIELD(struct maqet_base_record, mtime), .optional = true},
    {"checksum", MAQET_FIELD(struct maqet_base_record, checksum)},
    {0},
};
static const struct maqet_fields base_fields =
    MAQET_FIELDS(struct maqet_base_record, base_rows);

#define TEXT(member)                                                                     \
    {                                                                                    \
#member, MAQET_FIELD(struct maqet_image_record, member), .optional = true,       \
                                                                 .sparse = true          \
    }
static const struct maqet_field record_rows[] = {
    {"drive", MAQET_FIELD(struct maqet_image_record, drive)},
    {"type", MAQET_FIELD(struct maqet_image_record, type)},
    TEXT(path),
    TEXT(place),
    {"device", MAQET_FIELD(struct maqet_image_record, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_image_record, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_image_record, id.birth), .optional = true},
    {"size", MAQET_FIELD(struct maqet_image_record, size), .optional = true},
    {"created", MAQET_FIELD(struct maqet_image_record, created), .optional = true},
    TEXT(vm),
    TEXT(uuid),
    TEXT(data_dir),
    {"seen", MAQET_FIELD(struct maqet_image_record, seen), .optional = true},
    {"bases",
     MAQET_FIELD_LIST(struct maqet_image_record, bases, base_count, &base_fields),
     .optional = true},
    {0},
};
const struct maqet_fields maqet_image_record_fields =
    MAQET_FIELDS(struct maqet_image_record, record_rows);

void
maqet_base_record_clear(struct maqet_base_record *base)
{
    maqet_fields_clear(&base_fields, base);
}

void
maqet_image_record_clear(struct maqet_image_record *record)
{
    maqet_fields_clear(&maqet_image_record_fields, record);
}

void
maqet_image_record_copy(struct maqet_image_record *to,
                        const struct maqet_image_record *from)
{
    maqet_fields_copy(&maqet_image_record_fields, from, to, NULL);
}

char *
maqet_drive_place(const struct maqet_drive *drive)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const struct maqet_option *row = drive->storage->common.options; row->name;
         row++) {
        const char *value =
            row->type == MAQET_OPTION_STRING || row->type == MAQET_OPTION_PATH
                ? maqet_drive_string(drive, row->name)
                : NULL;

        if (value)
            maqet_text_appendf(&text, "%s%s=%s", text.length > 0 ? "," : "", row->name,
                               value);
    }
    return maqet_text_take(&text);
}

/* ---- backing files ---- */

bool
maqet_base_record_read(struct maqet_base_record *base, const char *option,
                       const char *path)
{
    /* O_NONBLOCK: a FIFO in its place must not make us wait for a writer. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    *base = (struct maqet_base_record){0};
    if (end < 0 || fstat(fd, &status) < 0 || !maqet_file_id_of_fd(fd, &base->id))
        return false;
    base->checksum = maqet_fd_checksum(fd, path, BEGINNING, NULL);
    if (!base->checksum)
        return false;
    base->option = maqet_strdup(option);
    base->path = maqet_strdup(path);
    base->size = (uint64_t)end;
    if (S_ISREG(status.st_mode))
        base->mtime =
            (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return true;
}

char *
maqet_base_record_compare(const struct maqet_base_record *then,
                          const struct maqet_base_record *now)
{
    /* The node of a block device says nothing of what is on it. */
    bool same_file = then->mtime == 0 || now->mtime == 0 ||
                     maqet_file_id_is_same_file(&then->id, &now->id);

    if (then->size == now->size && then->mtime == now->mtime &&
        strcmp(then->checksum, now->checksum) == 0)
        return NULL;
    if (!same_file && strcmp(then->path, now->path) != 0)
        return maqet_format("is another file than %s, on which the image was created",
                            then->path);
    if (then->size != now->size)
        return maqet_format("%s: it has %" PRIu64 " bytes, and had %" PRIu64,
                            same_file ? "was written to" : "was replaced by another file",
                            now->size, then->size);
    if (!same_file)
        return maqet_strdup("was replaced by another file");
    if (then->mtime != now->mtime) {
        _cleanup_free_ char *when = maqet_text_date(now->mtime / 1000000000);

        return maqet_format("was written to (last modified %s)", when);
    }
    return maqet_strdup("was written to: its beginning differs");
}

/* ---- an image that has been used ---- */

bool
maqet_image_keeps_type(const struct maqet_drive *drive, const struct maqet_file_id *id)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    const struct maqet_image_record *record = drive->record;
    struct stat status;

    if (!(plugin->flags & MAQET_STORAGE_PLAIN) || !record || !record->path ||
        strcmp(record->type, plugin->name) != 0)
        return false;
    /* The node of a block device is made anew at each boot. */
    return maqet_file_id_is_same_file(&record->id, id) ||
           (strcmp(record->path, drive->path) == 0 && stat(drive->path, &status) == 0 &&
            S_ISBLK(status.st_mode));
}

/* ---- an image that is gone ---- */

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

/* What is missing, and when it was there. */
static void
set_vanished(const struct maqet_drive *drive, const struct maqet_image_record *record,
             struct maqet_error **err)
{
    const char *option = drive->storage->plugin.path_option;
    _cleanup_free_ char *last = record->presumed ? NULL : describe(record);
    _cleanup_free_ char *place = maqet_drive_place(drive);

    if (record->presumed)
        maqet_drive_error(
            drive, option, err, MAQET_ERROR_MISSING,
            "the image %s is missing; the VM was started before, by a maqet "
            "that kept no record of images, so it may have been there",
            drive->path);
    else if (!record->path && strcmp(record->place, place) == 0)
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                          "its storage (%s) is missing; it was last there on %s",
                          record->place, last);
    else if (!record->path)
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                          "there is no storage (%s), and what the drive had before (%s) "
                          "was last there on %s",
                          place, record->place, last);
    else if (strcmp(record->path, drive->path) == 0)
        maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                          "the image %s is missing; it was last there on %s",
                          record->path, last);
    else if (strcmp(record->drive, drive->name) == 0)
        maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                          "there is no image %s, and its earlier image %s is missing "
                          "too; it was last there on %s",
                          drive->path, record->path, last);
    else
        maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                          "there is no image %s, and %s, which the VM's drive '%s' had, "
                          "is missing too; it was last there on %s",
                          drive->path, record->path, record->drive, last);
}

int
maqet_image_error_vanished(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_image_record *record =
        was_seen(drive->record) ? drive->record : drive->earlier;
    const char *vm = drive->machine->vm_name;

    set_vanished(drive, record, err);
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
