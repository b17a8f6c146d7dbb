/* SPDX-License-Identifier: MIT */
#include "core/vm/images.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/vm/owner.h"
#include "core/vm/store.h"
#include "core/vm/unused.h"
#include "core/vm/vm.h"

/* s: a start that finds nothing new does not write the date alone more often. */
static const int64_t SEEN_INTERVAL = 60;

void
maqet_images_clear(struct maqet_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        maqet_image_record_clear(&images->items[i]);
    free(images->items);
    *images = (struct maqet_images){0};
}

struct maqet_image_record *
maqet_images_append(struct maqet_images *images)
{
    images->items =
        maqet_realloc(images->items, (images->count + 1) * sizeof(*images->items));
    struct maqet_image_record *record = &images->items[images->count++];
    *record = (struct maqet_image_record){0};
    return record;
}

void
maqet_images_remove(struct maqet_images *images, size_t index)
{
    maqet_image_record_clear(&images->items[index]);
    memmove(&images->items[index], &images->items[index + 1],
            (--images->count - index) * sizeof(*images->items));
}

struct maqet_image_record *
maqet_images_find(const struct maqet_images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->items[i].path && strcmp(images->items[i].path, path) == 0)
            return &images->items[i];
    return NULL;
}

int
maqet_images_load(const struct maqet_context *context, const char *name,
                  struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_IMAGES);

    return maqet_images_read(path, images, err);
}

int
maqet_images_save(const struct maqet_context *context, const char *name,
                  const struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_IMAGES);

    return maqet_images_write(path, images, err);
}

/* ---- a machine's drives ---- */

/* The record of what a drive has, or had under this place; NULL: there is none. */
static struct maqet_image_record *
record_of(const struct maqet_images *images, const struct maqet_drive *drive)
{
    _cleanup_free_ char *place = NULL;

    if (drive->path)
        return maqet_images_find(images, drive->path);
    if (drive->storage->plugin.path_option)
        return NULL;
    place = maqet_drive_place(drive);
    for (size_t i = 0; i < images->count; i++) {
        struct maqet_image_record *record = &images->items[i];

        if (record->place && strcmp(record->place, place) == 0 &&
            strcmp(record->drive, drive->name) == 0)
            return record;
    }
    return NULL;
}

/* The image with a path that the drive had last, when it has another path now. */
static struct maqet_image_record *
earlier_of(const struct maqet_images *images, const struct maqet_drive *drive)
{
    struct maqet_image_record *latest = NULL;

    for (size_t i = 0; drive->path && i < images->count; i++) {
        struct maqet_image_record *record = &images->items[i];

        if (record->path && strcmp(record->drive, drive->name) == 0 &&
            strcmp(record->path, drive->path) != 0 &&
            (!latest || record->seen > latest->seen))
            latest = record;
    }
    return latest;
}

void
maqet_images_attach(struct maqet_vm *vm)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        vm->drives[i]->record = record_of(&vm->images, vm->drives[i]);
        vm->drives[i]->earlier = earlier_of(&vm->images, vm->drives[i]);
    }
}

/* The record of a drive's image, a new one where there is none. */
static struct maqet_image_record *
take_record(struct maqet_vm *vm, const struct maqet_drive *drive)
{
    struct maqet_image_record *record = record_of(&vm->images, drive);

    if (!record) {
        record = maqet_images_append(&vm->images);
        record->path = maqet_strdup(drive->path);
        if (!drive->path)
            record->place = maqet_drive_place(drive);
        vm->images_changed = true;
    }
    free(record->drive);
    free(record->type);
    record->drive = maqet_strdup(drive->name);
    record->type = maqet_strdup(drive->storage->plugin.name);
    maqet_images_attach(vm);
    return record;
}

static void
clear_bases(struct maqet_image_record *record)
{
    for (size_t i = 0; i < record->base_count; i++)
        maqet_base_record_clear(&record->bases[i]);
    free(record->bases);
    record->bases = NULL;
    record->base_count = 0;
}

static void
set_owner(struct maqet_image_record *record, const struct maqet_vm *vm)
{
    free(record->vm);
    free(record->uuid);
    free(record->data_dir);
    record->vm = maqet_strdup(vm->definition->name);
    record->uuid = maqet_strdup(vm->definition->uuid);
    record->data_dir = maqet_owner_data_dir(vm->context);
}

int
maqet_images_note_created(struct maqet_vm *vm, const struct maqet_drive *drive,
                          const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_image_record *record = take_record(vm, drive);

    /* Until it has its name it was never there: a kill in between must not make the next
     * start miss it. */
    record->seen = 0;
    record->created = true;
    set_owner(record, vm);
    record->id = *id;
    clear_bases(record);
    vm->images_changed = true;
    return maqet_images_confirm(vm, err);
}

static int
note_bases(const struct maqet_drive *drive, struct maqet_image_record *record,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings options = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    if (maqet_image_dependencies(drive, &options, &files, err) < 0)
        return -1;
    clear_bases(record);
    record->bases = maqet_alloc(files.count * sizeof(*record->bases) + 1);
    for (size_t i = 0; i < files.count; i++)
        if (maqet_base_record_read(&record->bases[record->base_count], options.items[i],
                                   files.items[i]))
            record->base_count++;
    return 0;
}

/* Whether the backing files of a record are still those that the drive names. */
static bool
names_same_bases(const struct maqet_drive *drive, const struct maqet_image_record *record)
{
    for (size_t i = 0; i < record->base_count; i++) {
        const char *path = maqet_drive_string(drive, record->bases[i].option);

        if (!path || strcmp(path, record->bases[i].path) != 0)
            return false;
    }
    return record->base_count > 0;
}

int
maqet_images_note_seen(struct maqet_vm *vm, const struct maqet_drive *drive,
                       const struct maqet_image_state *state, bool accept_bases,
                       struct maqet_error **err)
{
    struct maqet_image_record *record = take_record(vm, drive);
    int64_t now = time(NULL);

    if (!maqet_file_id_equal(&record->id, &state->id)) {
        record->created =
            record->created && maqet_file_id_is_same_file(&record->id, &state->id);
        record->id = state->id;
        vm->images_changed = true;
    }
    if (record->size != state->virtual_size) {
        record->size = state->virtual_size;
        vm->images_changed = true;
    }
    if (record->seen == 0 || now - record->seen > SEEN_INTERVAL)
        vm->images_changed = true;
    record->seen = now;
    if (!accept_bases && names_same_bases(drive, record))
        return 0;
    size_t before = record->base_count;
    if (note_bases(drive, record, err) < 0)
        return -1;
    vm->images_changed = vm->images_changed || before > 0 || record->base_count > 0;
    return 0;
}

int
maqet_images_confirm(struct maqet_vm *vm, struct maqet_error **err)
{
    if (!vm->images_changed)
        return 0;
    vm->images_changed = false;
    return maqet_images_save(vm->context, vm->definition->name, &vm->images, err);
}

/* ---- backing files ---- */

static int
error_base(const struct maqet_drive *drive, const struct maqet_base_record *then,
           const char *path, const char *change, struct maqet_error **err)
{
    const char *vm = drive->machine->vm_name;

    maqet_drive_error(drive, then->option, err, MAQET_ERROR_STATE,
                      "the backing file %s of %s %s; what the guest has written since "
                      "no longer fits it",
                      path, drive->path, change);
    maqet_error_hint(err, "Bring the backing file back as it was, from a copy");
    maqet_error_hint(
        err, "If the change is harmless, accept it: maqet start %s --accept-base", vm);
    return -1;
}

static int
check_base(const struct maqet_drive *drive, const struct maqet_base_record *then,
           struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, then->option);
    struct maqet_base_record now;

    /* Another plugin, or no base any more, which the image's header contradicts. */
    if (!path || !maqet_base_record_read(&now, then->option, path))
        return 0;
    _cleanup_free_ char *change = maqet_base_record_compare(then, &now);
    maqet_base_record_clear(&now);
    return change ? error_base(drive, then, path, change, err) : 0;
}

int
maqet_images_check_bases(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_image_record *record = drive->record;

    /* An image that was put in the place of the recorded one has a base of its own. */
    for (size_t i = 0; record && i < record->base_count; i++)
        if (check_base(drive, &record->bases[i], err) < 0)
            return -1;
    return 0;
}

/* Whether a record says that its image, which is still there, has the file as a base. */
static bool
depends_on(const struct maqet_image_record *record, const char *path)
{
    struct maqet_file_id id;

    if (!record->path || !maqet_file_id_of_path(record->path, &id) ||
        !maqet_file_id_is_same_file(&record->id, &id))
        return false;
    for (size_t i = 0; i < record->base_count; i++) {
        struct stat base, file;

        if (stat(path, &file) == 0 && stat(record->bases[i].path, &base) == 0 &&
            base.st_dev == file.st_dev && base.st_ino == file.st_ino)
            return true;
    }
    return false;
}

static char *
describe_dependent(const struct maqet_images *images, const char *path, const char *vm,
                   const struct maqet_strings *going)
{
    for (size_t i = 0; i < images->count; i++)
        if (depends_on(&images->items[i], path) &&
            !(going && maqet_strings_has(going, images->items[i].path)))
            return vm ? maqet_format("the image %s of VM '%s', drive '%s'",
                                     images->items[i].path, vm, images->items[i].drive)
                      : maqet_format("the image %s, which no VM uses",
                                     images->items[i].path);
    return NULL;
}

char *
maqet_images_dependent(const struct maqet_context *context, const char *path,
                       const struct maqet_strings *going)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_images_ struct maqet_images unused = {0};

    maqet_store_list(context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_images_ struct maqet_images images = {0};

        /* One that can't be read keeps no other machine from starting. */
        if (maqet_images_load(context, names.items[i], &images, NULL) < 0)
            continue;
        char *dependent = describe_dependent(&images, path, names.items[i], going);
        if (dependent)
            return dependent;
    }
    return maqet_unused_read(context, &unused, NULL) == 0
               ? describe_dependent(&unused, path, NULL, going)
               : NULL;
}

int
maqet_images_check_not_base(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (!drive->path || maqet_drive_readonly(drive))
        return 0;
    _cleanup_free_ char *dependent =
        maqet_images_dependent(drive->context, drive->path, NULL);
    if (!dependent)
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_STATE,
                      "%s is the backing file of %s, which a change to it would damage",
                      drive->path, dependent);
    maqet_error_hint(err,
                     "Leave it as it is, and give the drive a `file` of its own that has "
                     "this one as its backing file");
    maqet_error_hint(err, "Or say `readonly: on`");
    return -1;
}
