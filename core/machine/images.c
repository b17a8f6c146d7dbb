/* SPDX-License-Identifier: MIT */
#include "core/machine/images.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/base/durable.h"
#include "core/machine/owner.h"
#include "core/machine/started.h"
#include "core/machine/store.h"
#include "core/machine/vm.h"

/* s: the date alone is not written more often. */
static const int64_t SEEN_INTERVAL = 60;

/* ---- the records of a drive ---- */

/* Whether a path leads to the file. */
static bool
leads_to(const char *path, const struct maqet_file_id *id)
{
    struct maqet_file_id now;

    return maqet_file_id_of_target(path, &now) && maqet_file_id_is_same_file(&now, id);
}

/* The record of an image that was renamed or moved. Without a time of birth, another file
 * may have got its inode number. */
static struct maqet_image_record *
record_of_moved(const struct maqet_images *images, const char *path)
{
    struct maqet_file_id id;

    if (!maqet_file_id_of_target(path, &id) || id.birth == 0)
        return NULL;
    for (size_t i = 0; i < images->count; i++) {
        struct maqet_image_record *record = &images->items[i];

        if (record->path && maqet_file_id_is_same_file(&record->id, &id) &&
            !leads_to(record->path, &id))
            return record;
    }
    return NULL;
}

/* Whether another drive has the image of a record. */
static bool
is_of_other_drive(const struct maqet_vm *vm, const struct maqet_drive *drive,
                  const struct maqet_image_record *record)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *other = vm->drives[i];

        if (other == drive)
            continue;
        if (record->path && other->path && record->id.birth != 0 &&
            leads_to(other->path, &record->id))
            return true;
        if (record->place && !other->path && !other->storage->plugin.path_option) {
            _cleanup_free_ char *place = maqet_drive_place(other);

            if (strcmp(place, record->place) == 0)
                return true;
        }
    }
    return false;
}

/* The record of storage that is not a file: of the same place, or the drive's earlier
 * one. */
static struct maqet_image_record *
record_of_place(const struct maqet_vm *vm, const struct maqet_drive *drive)
{
    _cleanup_free_ char *place = maqet_drive_place(drive);
    struct maqet_image_record *of_drive = NULL;

    for (size_t i = 0; i < vm->images.count; i++) {
        struct maqet_image_record *record = &vm->images.items[i];

        if (record->place && strcmp(record->place, place) == 0 &&
            strcmp(record->type, drive->storage->plugin.name) == 0)
            return record;
        if (record->place && strcmp(record->drive, drive->name) == 0 &&
            !is_of_other_drive(vm, drive, record))
            of_drive = record;
    }
    return of_drive;
}

/* The record of the image that a drive has, or had at its path; NULL: none. */
static struct maqet_image_record *
record_of(const struct maqet_vm *vm, const struct maqet_drive *drive)
{
    if (!drive->path)
        return drive->storage->plugin.path_option ? NULL : record_of_place(vm, drive);
    struct maqet_image_record *record = maqet_images_find(&vm->images, drive->path);
    return record && (leads_to(drive->path, &record->id) ||
                      !is_of_other_drive(vm, drive, record))
               ? record
               : record_of_moved(&vm->images, drive->path);
}

static bool
has_drive(const struct maqet_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (strcmp(vm->drives[i]->name, name) == 0)
            return true;
    return false;
}

static bool
is_attached(const struct maqet_vm *vm, const struct maqet_image_record *record)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->record == record)
            return true;
    return false;
}

/* Whether a record is the latest one of its drive. */
static bool
is_latest(const struct maqet_images *images, const struct maqet_image_record *record)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct maqet_image_record *other = &images->items[i];

        if (other->path && strcmp(other->drive, record->drive) == 0 &&
            other->seen > record->seen)
            return false;
    }
    return true;
}

/* For a drive whose image is new and missing: its earlier image, or that of a drive that
 * the machine no longer has. If that one is missing, too, it may have been moved, and the
 * new name may be misspelt. */
static struct maqet_image_record *
earlier_of(const struct maqet_vm *vm, const struct maqet_drive *drive)
{
    struct maqet_image_record *of_other = NULL;

    for (size_t i = 0; i < vm->images.count; i++) {
        struct maqet_image_record *record = &vm->images.items[i];
        bool own = strcmp(record->drive, drive->name) == 0;

        if (!record->path || record->seen == 0 || is_attached(vm, record) ||
            !is_latest(&vm->images, record) || !maqet_file_missing(record->path))
            continue;
        if (own)
            return record;
        if (!has_drive(vm, record->drive) &&
            strcmp(record->type, drive->storage->plugin.name) == 0)
            of_other = record;
    }
    return of_other;
}

/* The image that a removed machine left at a path, on a disk that is not mounted now. If
 * the disk is mounted, the image was deleted. */
static const struct maqet_image_record *
left_by_removed(struct maqet_vm *vm, const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    struct stat status;

    if (!vm->left_read)
        maqet_images_load(vm->context, NULL, &vm->left, NULL);
    vm->left_read = true;
    const struct maqet_image_record *record = maqet_images_find(&vm->left, path);
    return record && !(stat(folder, &status) == 0 && status.st_dev == record->id.device)
               ? record
               : NULL;
}

/* Whether the machine ran with a maqet that had no records. */
static bool
ran_unrecorded(const struct maqet_vm *vm)
{
    const char *name = vm->definition->name;
    _cleanup_free_ char *path = maqet_store_file(vm->context, name, MAQET_STORE_IMAGES);

    return maqet_file_missing(path) && maqet_store_started(vm->context, name);
}

void
maqet_images_attach(struct maqet_vm *vm)
{
    static const struct maqet_image_record presumed = {.presumed = true};

    for (size_t i = 0; i < vm->drive_count; i++) {
        struct maqet_drive *drive = vm->drives[i];

        drive->record = record_of(vm, drive);
        drive->earlier = NULL;
    }
    for (size_t i = 0; i < vm->drive_count; i++) {
        struct maqet_drive *drive = vm->drives[i];

        if (!drive->path || drive->record || !maqet_file_missing(drive->path))
            continue;
        drive->earlier = earlier_of(vm, drive);
        /* Files in /tmp are cleaned up by the system. */
        if (!(drive->default_path && maqet_text_starts(drive->path, "/tmp/")))
            drive->record = left_by_removed(vm, drive->path);
        if (!drive->record && !drive->earlier && ran_unrecorded(vm))
            drive->record = &presumed;
    }
}

/* Sets a text of a record of the machine to @by, which it takes. */
static void
note_text(struct maqet_vm *vm, char **text, char *by)
{
    if (!*text || strcmp(*text, by) != 0)
        vm->images_changed = true;
    free(*text);
    *text = by;
}

/* Whether a record is that of other storage, which maqet created and may be asked to
 * delete. */
static bool
is_of_other_place(const struct maqet_drive *drive,
                  const struct maqet_image_record *record)
{
    _cleanup_free_ char *place = record->place ? maqet_drive_place(drive) : NULL;

    return place && record->created && strcmp(place, record->place) != 0;
}

/* The record of a drive's image; a new one if there is none. */
static struct maqet_image_record *
take_record(struct maqet_vm *vm, const struct maqet_drive *drive)
{
    struct maqet_image_record *record = record_of(vm, drive);

    if (!record || is_of_other_place(drive, record))
        record = MAQET_APPEND(vm->images.items, vm->images.count);
    if (drive->path)
        note_text(vm, &record->path, maqet_strdup(drive->path));
    else
        note_text(vm, &record->place, maqet_drive_place(drive));
    note_text(vm, &record->drive, maqet_strdup(drive->name));
    note_text(vm, &record->type, maqet_strdup(drive->storage->plugin.name));
    maqet_images_attach(vm);
    return record;
}

static void
set_owner(struct maqet_vm *vm, struct maqet_image_record *record)
{
    note_text(vm, &record->vm, maqet_strdup(vm->definition->name));
    note_text(vm, &record->uuid, maqet_strdup(vm->definition->uuid));
    note_text(vm, &record->data_dir, maqet_owner_data_dir(vm->context));
    note_text(vm, &record->host, maqet_owner_host());
}

int
maqet_images_note_created(struct maqet_vm *vm, const struct maqet_drive *drive,
                          const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_image_record *record = take_record(vm, drive);

    /* If we are killed before it has its name, it never existed. */
    record->seen = 0;
    record->created = true;
    set_owner(vm, record);
    record->id = id ? *id : (struct maqet_file_id){0};
    maqet_chain_clear(&record->bases);
    vm->images_changed = true;
    /* On the disk, or after a power failure there could be an image that is not recorded. */
    struct maqet_durable *before = maqet_durable_postpone(NULL);
    int result = maqet_images_confirm(vm, err);
    maqet_durable_postpone(before);
    return result;
}

static int
note_bases(const struct maqet_drive *drive, struct maqet_image_record *record,
           struct maqet_error **err)
{
    maqet_chain_clear(&record->bases);
    if (maqet_image_dependencies(drive, &record->bases, err) < 0)
        return -1;
    /* A base that is not recorded could be changed or deleted. */
    for (size_t i = 0; i < record->bases.count; i++) {
        struct maqet_node *base = &record->bases.nodes[i];

        if (!maqet_node_read(base))
            return maqet_drive_error(drive, base->option, err, MAQET_ERROR_FAILED,
                                     "cannot read the backing file %s: %s", base->file,
                                     strerror(errno));
    }
    return 0;
}

/* Updates the record of a backing file that was moved or restored from a backup. */
static void
refresh_base(struct maqet_vm *vm, const struct maqet_drive *drive,
             struct maqet_node *then)
{
    const char *path = maqet_drive_text(drive, then->option);
    _cleanup_(maqet_node_clear) struct maqet_node now = {
        .option = maqet_strdup(then->option), .file = maqet_strdup(path)};

    if (!path || !maqet_node_read(&now))
        return;
    _cleanup_free_ char *change = maqet_node_compare(then, &now);
    if (change ||
        (maqet_file_id_equal(&then->id, &now.id) && strcmp(then->file, now.file) == 0))
        return;
    struct maqet_node before = *then;
    *then = now;
    now = before;
    vm->images_changed = true;
}

/* ---- marks on the images ---- */

/* Marks the images with their owner and users, for machines of other data folders.
 * Without extended attributes, only the records tell. */
static void
mark_images(struct maqet_vm *vm, struct maqet_image_record *record)
{
    const struct maqet_definition *definition = vm->definition;
    _cleanup_free_ char *objection =
        record->path && record->created
            ? maqet_owner_objection(vm->context, definition->name, definition->uuid,
                                    record)
            : NULL;

    if (record->path && record->created && !objection) {
        set_owner(vm, record);
        maqet_owner_mark(vm->context, definition, record->path);
    } else if (record->path) {
        maqet_owner_mark_user(vm->context, record->path, false);
    }
    for (size_t i = 0; i < record->bases.count; i++)
        maqet_owner_mark_user(vm->context, record->bases.nodes[i].file, true);
}

/* ---- changing the records ---- */

int
maqet_images_note_seen(struct maqet_vm *vm, const struct maqet_drive *drive,
                       const struct maqet_image_state *state, bool created,
                       bool accept_bases, struct maqet_error **err)
{
    struct maqet_image_record *record = take_record(vm, drive);
    int64_t now = time(NULL);

    if (!drive->path && !created && record->seen == 0)
        record->created = false;

    if (!maqet_file_id_equal(&record->id, &state->id)) {
        record->created = record->created && maqet_owner_vouches(record, &state->id);
        record->id = state->id;
        vm->images_changed = true;
    }
    if (record->size != state->virtual_size) {
        record->size = state->virtual_size;
        vm->images_changed = true;
    }
    if (record->seen == 0)
        vm->images_changed = true;
    else if (now - record->seen > SEEN_INTERVAL)
        vm->dates_changed = true;
    record->seen = now;
    for (size_t i = 0; i < record->bases.count; i++)
        refresh_base(vm, drive, &record->bases.nodes[i]);
    if (accept_bases || record->bases.count == 0) {
        size_t before = record->bases.count;

        if (note_bases(drive, record, err) < 0)
            return -1;
        vm->images_changed = vm->images_changed || before > 0 || record->bases.count > 0;
    }
    mark_images(vm, record);
    return 0;
}

int
maqet_images_give_up(struct maqet_vm *vm, const struct maqet_strings *paths,
                     struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images given_up = {0};
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    for (size_t i = vm->images.count; i-- > 0;) {
        struct maqet_image_record *record = &vm->images.items[i];

        if (!record->path || !maqet_strings_has(paths, record->path) ||
            is_attached(vm, record))
            continue;
        maqet_fields_copy(&maqet_image_record_fields, record,
                          MAQET_APPEND(given_up.items, given_up.count), NULL);
        maqet_images_remove(&vm->images, i);
        vm->images_changed = true;
        maqet_images_attach(vm);
    }
    return given_up.count > 0 ? maqet_left_images_add(vm->context, &given_up, &none, err)
                              : 0;
}

/* A machine with a damaged list cannot be removed, so the first one is always on the disk at once. */
static int
save(const struct maqet_vm *vm, bool first, struct maqet_error **err)
{
    struct maqet_durable *before = first ? maqet_durable_postpone(NULL) : NULL;
    int result = maqet_images_save(vm->context, vm->definition->name, &vm->images, err);

    if (first)
        maqet_durable_postpone(before);
    return result;
}

int
maqet_images_confirm(struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    const char *name = vm->definition->name;
    _cleanup_free_ char *path = maqet_store_file(vm->context, name, MAQET_STORE_IMAGES);
    /* An empty list tells a later start that no records are missing. */
    bool first = maqet_file_missing(path);
    bool changed = vm->images_changed || first;

    if (!changed && !vm->dates_changed)
        return 0;
    vm->images_changed = vm->dates_changed = false;
    if (save(vm, first, &reason) == 0)
        return 0;
    if (changed)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(vm->context, MAQET_LEVEL_WARNING,
                      "VM '%s': cannot record when its images were last seen: %s", name,
                      reason->message);
    return 0;
}
