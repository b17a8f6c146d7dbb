/* SPDX-License-Identifier: MIT */
#include "core/machine/bases.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/bases_elsewhere.h"
#include "core/machine/others.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/qemu/writables.h"
#include "core/storage/entry.h"
#include "core/storage/keys.h"
#include "core/storage/overlays.h"

/* Bytes. */
enum { DEFINITION_LIMIT = 16 * 1024 * 1024 };

/* ---- changes ---- */

static int
check_base(const struct maqet_drive *drive, const struct maqet_node *then,
           struct maqet_error **err)
{
    const char *path = maqet_drive_text(drive, then->option);
    _cleanup_(maqet_node_clear) struct maqet_node now = {.file = maqet_strdup(path)};

    /* If it has no base any more, or an unreadable one, the plugin reports that. */
    if (!path || !maqet_node_read(&now))
        return 0;
    _cleanup_free_ char *change = maqet_node_compare(then, &now);
    if (!change)
        return 0;
    maqet_drive_error(drive, then->option, err, MAQET_ERROR_STATE,
                      "the backing file %s of %s %s; what the guest has written no "
                      "longer fits it",
                      path, drive->path, change);
    maqet_error_hint(err, "Restore the backing file with its old modification time "
                          "(cp -p)");
    maqet_error_next(err, MAQET_NEXT_ACCEPT_BASE, drive->machine->vm_name, NULL);
    return -1;
}

int
maqet_bases_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_image_record *record = drive->record;

    /* A new image will be created on the base as it is now. */
    if (!record || !drive->path || access(drive->path, F_OK) < 0)
        return 0;
    for (size_t i = 0; i < record->bases.count; i++)
        if (check_base(drive, &record->bases.nodes[i], err) < 0)
            return -1;
    return 0;
}

/* ---- images that depend on a file ---- */

/* A file that may be a backing file. */
struct candidate {
    const struct maqet_context *context;
    const char *path;
    const char *name; /* the last component of its real path */
    struct maqet_file_id id;
    const struct maqet_strings *going;
};

/* By a record. That of a missing image counts, too: its disk may not be mounted. */
static bool
record_depends(const struct candidate *candidate, const struct maqet_image_record *record)
{
    if (!record->path || maqet_strings_has(candidate->going, record->path))
        return false;
    for (size_t i = 0; i < record->bases.count; i++) {
        const struct maqet_node *base = &record->bases.nodes[i];

        /* By its name, or after it was moved. */
        if (maqet_file_is_same(base->file, candidate->path) ||
            (base->mtime != 0 && maqet_file_id_is_same_file(&base->id, &candidate->id)))
            return true;
    }
    return false;
}

/* By the image, as its plugin reads it: 1 yes, 0 no, -1 unknown. */
static int
drive_depends(const struct candidate *candidate, const struct maqet_drive *drive)
{
    _cleanup_chain_ struct maqet_chain bases = {0};

    if (maqet_drive_is_unknown(drive) || !drive->path || access(drive->path, F_OK) < 0 ||
        maqet_image_dependencies(drive, &bases, NULL) < 0)
        return -1;
    int depends = 0;
    for (size_t i = 0; i < bases.count; i++) {
        if (maqet_file_is_same(bases.nodes[i].file, candidate->path))
            return 1;
        /* It may name the candidate, which was moved. */
        if (access(bases.nodes[i].file, F_OK) < 0)
            depends = -1;
    }
    return depends;
}

static char *
describe(const char *path, const char *vm, const char *drive, bool missing)
{
    return vm ? maqet_format("the image %s of VM '%s', drive '%s'%s", path, vm, drive,
                             missing ? " (which is missing now)" : "")
              : maqet_format("the image %s, which no VM uses", path);
}

/* By the records of a machine's images. If a drive still has the image, the image itself
 * decides, since it may not have a backing file any more. */
static char *
dependent_by_records(const struct candidate *candidate, const char *name)
{
    _cleanup_images_ struct maqet_images images = {0};
    _cleanup_vm_ struct maqet_vm *vm = NULL;

    if (maqet_images_load(candidate->context, name, &images, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < images.count; i++) {
        const struct maqet_image_record *record = &images.items[i];

        if (!record_depends(candidate, record))
            continue;
        if (!vm)
            vm = maqet_vm_open(candidate->context, name, NULL);
        const struct maqet_drive *drive =
            vm ? maqet_vm_find_path(vm, record->path) : NULL;
        if (!drive || drive_depends(candidate, drive) != 0)
            return describe(record->path, name, record->drive,
                            access(record->path, F_OK) < 0);
    }
    return NULL;
}

/* Whether a machine's definition contains the name of the file. */
static bool
mentions(const struct candidate *candidate, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(candidate->context, name, "vm.json");
    _cleanup_free_ char *text = NULL;
    const char *slash = strrchr(candidate->path, '/');

    return maqet_file_read(path, DEFINITION_LIMIT, &text, NULL, NULL) == 0 &&
           (strstr(text, candidate->name) || strstr(text, slash + 1));
}

/* By a definition: the image may exist though the machine was never started. */
static char *
dependent_by_definition(const struct candidate *candidate, const char *name)
{
    _cleanup_vm_ struct maqet_vm *vm =
        mentions(candidate, name) ? maqet_vm_open(candidate->context, name, NULL) : NULL;

    for (size_t i = 0; vm && i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (drive->path && !maqet_file_is_same(drive->path, candidate->path) &&
            !maqet_strings_has(candidate->going, drive->path) &&
            drive_depends(candidate, drive) == 1)
            return describe(drive->path, name, drive->name, false);
    }
    return NULL;
}

/* Whether an image without a machine exists and has no backing file, as its plugin reads
 * it. An unknown one is taken for dependent. */
static bool
stands_alone(const struct candidate *candidate, const struct maqet_image_record *record)
{
    const struct maqet_machine machine = {.vm_name = (char *)"",
                                          .arch = (char *)"",
                                          .type = (char *)"",
                                          .storage_dir = (char *)"/"};
    const struct maqet_storage *storage =
        maqet_storage_load(candidate->context, record->type, NULL);

    if (!storage || !storage->plugin.path_option)
        return false;
    _cleanup_json_ json_object *entry = maqet_json_object(
        "name", json_object_new_string(record->drive), "type",
        json_object_new_string(record->type), storage->plugin.path_option,
        json_object_new_string(record->path), NULL);
    struct maqet_drive *drive =
        maqet_drive_new(candidate->context, &machine, entry, NULL);
    bool alone = drive && drive_depends(candidate, drive) == 0;
    maqet_drive_free(drive);
    return alone;
}

static char *
dependent_unused(const struct candidate *candidate)
{
    _cleanup_images_ struct maqet_images unused = {0};

    if (maqet_images_load(candidate->context, NULL, &unused, NULL) < 0)
        return maqet_format("an image that %s/" MAQET_STORE_IMAGES
                            " may name, which cannot be read",
                            candidate->context->data_dir);
    for (size_t i = 0; i < unused.count; i++)
        if (record_depends(candidate, &unused.items[i]) &&
            !stands_alone(candidate, &unused.items[i]))
            return describe(unused.items[i].path, NULL, NULL, false);
    return NULL;
}

struct base_search {
    const struct candidate *candidate;
    bool all;
    struct maqet_strings *found;
};

static void
find_dependents(void *data, const struct maqet_strings *names)
{
    const struct base_search *search = data;
    const struct candidate *candidate = search->candidate;
    struct maqet_strings *found = search->found;

    maqet_strings_clear(found);
    for (size_t i = 0; i < names->count && (search->all || found->count == 0); i++) {
        char *dependent = dependent_by_records(candidate, names->items[i]);

        if (!dependent)
            dependent = dependent_by_definition(candidate, names->items[i]);
        if (dependent)
            maqet_strings_take(found, dependent);
    }
    char *unused = search->all || found->count == 0 ? dependent_unused(candidate) : NULL;
    if (unused)
        maqet_strings_take(found, unused);
}

/* Finds those in the data folder of the context, or the first one. */
static void
find_here(const struct candidate *candidate, bool all, struct maqet_strings *found)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct base_search search = {.candidate = candidate, .all = all, .found = found};

    if (maqet_others_look_through(candidate->context, find_dependents, &search, &reason) <
        0)
        maqet_strings_addf(found, "an image of a VM in %s, perhaps: %s",
                           candidate->context->data_dir, reason->message);
}

/* Adds those in the other data folders that the marks on the file name. */
static void
find_elsewhere(const struct candidate *candidate, bool all, struct maqet_strings *found)
{
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;

    maqet_owner_other_folders(candidate->context, candidate->path, true, &folders);
    for (size_t i = 0; i < folders.count && (all || found->count == 0); i++) {
        _cleanup_strings_ struct maqet_strings there = MAQET_STRINGS_INIT;
        struct maqet_context other = *candidate->context;
        struct candidate in_other = *candidate;

        other.data_dir = folders.items[i];
        in_other.context = &other;
        find_here(&in_other, all, &there);
        for (size_t j = 0; j < there.count; j++)
            maqet_strings_addf(found, "%s (data folder %s)", there.items[j],
                               folders.items[i]);
    }
}

/* Adds phrases for the images that have a file as a backing file, or for the first one. */
static void
find(const struct maqet_context *context, const char *path,
     const struct maqet_strings *going, bool all, struct maqet_strings *found)
{
    _cleanup_free_ char *real = realpath(path, NULL);
    const struct maqet_strings none = MAQET_STRINGS_INIT;
    struct candidate candidate = {
        .context = context, .path = path, .going = going ? going : &none};

    if (!real || !maqet_file_id_of_target(path, &candidate.id))
        return;
    candidate.name = strrchr(real, '/') + 1;
    find_here(&candidate, all, found);
    if (all || found->count == 0)
        find_elsewhere(&candidate, all, found);
}

char *
maqet_bases_dependent(const struct maqet_context *context, const char *path,
                      const struct maqet_strings *going)
{
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;

    find(context, path, going, false, &found);
    return found.count > 0 ? maqet_strdup(found.items[0]) : NULL;
}

void
maqet_bases_note_needs(const struct maqet_drive *drive)
{
    const struct maqet_overlays *overlays = drive->overlays;

    for (size_t i = 0; overlays && overlays->count > 1 && i < overlays->count; i++) {
        struct maqet_overlay *node = &overlays->nodes[i];

        maqet_strings_clear(&node->needed_by);
        if (node->id == overlays->top)
            continue;
        if (node->file.file)
            find(drive->context, node->file.file, NULL, true, &node->needed_by);
        else
            maqet_bases_find_elsewhere(drive, &node->needed_by);
    }
}

/* ---- protection ---- */

/* @drive: NULL: it is one of the `arguments`. */
static void
hint_at_ways(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_free_ char *readonly = drive ? maqet_keys_readonly(drive) : NULL;

    maqet_error_remark(err, "It is free again when no image has it as a backing file");
    maqet_error_hint(err,
                     "Leave it as it is, and give the drive an image of its own that has "
                     "this one as its backing file");
    if (readonly || !drive)
        maqet_error_hint(err, "Or use it read-only (%s)",
                         drive ? readonly : "`readonly=on`");
    maqet_error_next(err, MAQET_NEXT_FORGET_IMAGE, NULL);
}

/* The file that the guest writes to; what it stands on may be the base of others as well. */
static const char *
written_file(const struct maqet_drive *drive)
{
    const struct maqet_overlays *overlays = drive->overlays;

    return overlays ? maqet_overlays_node(overlays, overlays->top)->file.file
                    : drive->path;
}

int
maqet_bases_check_unused(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images unused = {0};

    if (!drive->path || maqet_drive_readonly(drive))
        return 0;
    /* The error for an unreadable list comes first. */
    if (maqet_images_load(drive->context, NULL, &unused, err) < 0)
        return -1;
    const char *path = written_file(drive);
    _cleanup_free_ char *dependent = maqet_bases_dependent(drive->context, path, NULL);
    if (!dependent)
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_STATE,
                      "%s is the backing file of %s, which a change to it would damage",
                      path, dependent);
    hint_at_ways(drive, err);
    return -1;
}

int
maqet_bases_check_arguments(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_writables_ struct maqet_writables writables = {0};
    const char *folder = maqet_tree_place(vm->definition->tree).folder;

    maqet_arguments_writables(maqet_vm_arguments(vm), &writables);
    for (size_t i = 0; i < writables.count; i++) {
        const struct maqet_writable *writable = &writables.items[i];

        if (!writable->file || writable->discarded)
            continue;
        _cleanup_free_ char *path = maqet_path_absolute(writable->file, folder);
        _cleanup_free_ char *dependent =
            path ? maqet_bases_dependent(vm->context, path, NULL) : NULL;
        if (!dependent)
            continue;
        maqet_error_set(
            err, MAQET_ERROR_STATE,
            "%s%sVM '%s': %s, which its `arguments` let the guest write to, is "
            "the backing file of %s",
            writable->place ? writable->place : "", writable->place ? ": " : "",
            vm->definition->name, path, dependent);
        hint_at_ways(NULL, err);
        return -1;
    }
    return 0;
}
