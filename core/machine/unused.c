/* SPDX-License-Identifier: MIT */
#include "core/machine/unused.h"

#include <string.h>

#include "core/base/interrupt.h"
#include "core/machine/images.h"
#include "core/machine/needs.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/overlays.h"

void
maqet_unused_clear(struct maqet_unused *unused)
{
    for (size_t i = 0; i < unused->count; i++) {
        free(unused->items[i].path);
        free(unused->items[i].vm);
        free(unused->items[i].drive);
    }
    free(unused->items);
    *unused = (struct maqet_unused){0};
}

/* ---- listing ---- */

static enum maqet_unused_state
state_of(const struct maqet_image_record *record)
{
    struct maqet_file_id id;

    if (!maqet_file_id_of_path(record->path, &id))
        return MAQET_UNUSED_MISSING;
    return maqet_file_id_is_same_file(&record->id, &id) ? MAQET_UNUSED_THERE
                                                        : MAQET_UNUSED_REPLACED;
}

static void
add_unused(const struct maqet_context *context, const struct maqet_image_record *record,
           struct maqet_unused *unused)
{
    enum maqet_unused_state state = state_of(record);
    struct stat status;
    bool known;

    for (size_t i = 0; i < unused->count; i++)
        if (strcmp(unused->items[i].path, record->path) == 0)
            return;
    _cleanup_free_ char *user = maqet_image_user(context, NULL, record->path, &known);
    if (user && known)
        return;
    if (user)
        state = MAQET_UNUSED_UNKNOWN;
    bool there = (state == MAQET_UNUSED_THERE || state == MAQET_UNUSED_UNKNOWN) &&
                 stat(record->path, &status) == 0;
    *MAQET_APPEND(unused->items, unused->count) = (struct maqet_unused_image){
        .path = maqet_strdup(record->path),
        .vm = maqet_strdup(record->vm),
        .drive = maqet_strdup(record->drive),
        .size_known = there,
        .size = there ? (uint64_t)status.st_blocks * 512 : 0,
        .seen = record->seen,
        .state = state,
    };
}

static int
by_path(const void *a, const void *b)
{
    const struct maqet_unused_image *one = a, *other = b;

    return strcmp(one->path, other->path);
}

int
maqet_unused_list(const struct maqet_context *context, struct maqet_unused *unused,
                  struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_images_ struct maqet_images kept = {0};

    if (maqet_images_load(context, NULL, &kept, err) < 0 ||
        maqet_store_list(context, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < kept.count; i++)
        if (kept.items[i].created)
            add_unused(context, &kept.items[i], unused);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(context, names.items[i], NULL);

        for (size_t j = 0; vm && j < vm->images.count; j++) {
            const struct maqet_image_record *record = &vm->images.items[j];

            if (record->created && record->path && record->seen > 0 &&
                !maqet_vm_find_path(vm, record->path))
                add_unused(context, record, unused);
        }
    }
    if (unused->count > 0)
        qsort(unused->items, unused->count, sizeof(*unused->items), by_path);
    return 0;
}

/* ---- deleting ---- */

/* A record, and the list that it is in. */
struct found {
    struct maqet_images images;
    struct maqet_image_record *record; /* NULL: no list has it */
    char *vm; /* the machine that has the list; NULL: that of images without a machine */
    char *uuid;
    int lock;
};

static void
found_clear(struct found *found)
{
    maqet_images_clear(&found->images);
    free(found->vm);
    free(found->uuid);
    if (found->lock >= 0)
        close(found->lock);
}

/* The record of an image that maqet did not create can be removed if the image is
 * missing. */
static struct maqet_image_record *
removable_record(const struct maqet_images *images, const char *path)
{
    struct maqet_image_record *record = maqet_images_find(images, path);

    return record && (record->created || access(path, F_OK) < 0) ? record : NULL;
}

/* Finds a record among those of one machine, which is locked then. */
static int
find_in_machine(const struct maqet_context *context, const char *name, const char *path,
                struct found *found, struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition = NULL;

    if (maqet_images_load(context, name, &found->images, NULL) < 0 ||
        !removable_record(&found->images, path))
        return 0;
    found->lock = maqet_store_lock(context, name, err);
    definition = found->lock < 0 ? NULL : maqet_store_load(context, name, err);
    if (!definition || maqet_images_load(context, name, &found->images, err) < 0)
        return -1;
    found->record = removable_record(&found->images, path);
    if (!found->record) {
        /* Another process has removed it meanwhile. */
        found_clear(found);
        *found = (struct found){.lock = -1};
        return 0;
    }
    found->vm = maqet_strdup(name);
    found->uuid = maqet_strdup(definition->uuid);
    return 0;
}

static int
find_record(const struct maqet_context *context, const char *path, struct found *found,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_store_list(context, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count && !found->record; i++)
        if (find_in_machine(context, names.items[i], path, found, err) < 0)
            return -1;
    if (found->record)
        return 0;
    found->lock = maqet_store_lock_all(context, err);
    if (found->lock < 0 || maqet_images_load(context, NULL, &found->images, err) < 0)
        return -1;
    found->record = removable_record(&found->images, path);
    return 0;
}

/* Removes the record from its list. */
static int
drop_record(const struct maqet_context *context, struct found *found,
            struct maqet_error **err)
{
    if (!found->record)
        return 0;
    maqet_images_remove(&found->images, (size_t)(found->record - found->images.items));
    found->record = NULL;
    return maqet_images_save(context, found->vm, &found->images, err);
}

static int
error_not_ours(const char *path, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "%s is not an image that maqet created and no VM uses", path);
    maqet_error_next(err, MAQET_NEXT_LIST_IMAGES, NULL);
    return -1;
}

static int
error_kept(const char *path, const char *reason, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_STATE, "%s is kept: %s", path, reason);
}

/* Removes the record of a missing image, unless a machine uses it. */
static int
drop_missing(const struct maqet_context *context, const char *path, struct found *found,
             struct maqet_error **err)
{
    bool known;

    if (!found->record)
        return error_not_ours(path, err);
    _cleanup_free_ char *user = maqet_image_user(context, NULL, path, &known);
    return user ? error_kept(path, user, err) : drop_record(context, found, err);
}

static int
check_removal(const struct maqet_context *context, const char *path, struct found *found,
              const struct maqet_file_id *id, struct maqet_error **err)
{
    _cleanup_owner_ struct maqet_owner owner = {0};
    const struct maqet_image_record bare = {.path = (char *)path};
    const struct maqet_image_record *record = found->record ? found->record : &bare;

    /* Without a record, only the mark shows that it is ours. */
    if (!found->record && !maqet_owner_read(path, &owner))
        return error_not_ours(path, err);
    if (found->record && !maqet_owner_vouches(record, id))
        return error_kept(path, "it is not the file that maqet created", err);
    _cleanup_free_ char *objection =
        maqet_owner_objection(context, found->vm, found->uuid, record);
    _cleanup_free_ char *need =
        objection ? NULL : maqet_image_need(context, NULL, NULL, path);
    if (objection)
        return maqet_error_set(err, MAQET_ERROR_STATE, "%s is kept: it was created %s",
                               path, objection);
    return need ? error_kept(path, need, err) : 0;
}

int
maqet_unused_remove(const struct maqet_context *context, const char *path, uint64_t *size,
                    struct maqet_error **err)
{
    _cleanup_(found_clear) struct found found = {.lock = -1};
    struct maqet_file_id id;
    struct stat status;

    *size = 0;
    if (find_record(context, path, &found, err) < 0)
        return -1;
    if (!maqet_file_id_of_path(path, &id) || lstat(path, &status) < 0)
        return drop_missing(context, path, &found, err);
    if (!S_ISREG(status.st_mode))
        return error_not_ours(path, err);
    if (check_removal(context, path, &found, &id, err) < 0 ||
        maqet_interrupt_check(err) < 0)
        return -1;
    *size = (uint64_t)status.st_blocks * 512;
    return maqet_overlays_remove(path, err) < 0 || maqet_file_remove(path, err) < 0
               ? -1
               : drop_record(context, &found, err);
}
