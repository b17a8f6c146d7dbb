/* SPDX-License-Identifier: MIT */
/*
 * Only images that maqet created for a drive that the machine still has are ever deleted, and
 * only if nothing else needs them.
 */
#include "core/lifecycle/removal_plan.h"

#include <string.h>

#include "core/base/files.h"
#include "core/lifecycle/remove_elsewhere.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/checkpoint_memory.h"
#include "core/machine/folder.h"
#include "core/machine/images_file.h"
#include "core/machine/needs.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"

struct planning {
    const struct maqet_context *context;
    const char *name;
    const char *uuid; /* NULL: the definition cannot be read */
    const struct maqet_remove *how;
    struct maqet_vm *vm; /* NULL: the definition is invalid */
    struct maqet_images images;
    struct maqet_removal *plan;
};

const char *
maqet_removed_kind_name(unsigned kind)
{
    static const char *const names[] = {
        [MAQET_REMOVED_MEMORY] = "memory",
        [MAQET_REMOVED_IMAGE] = "image",
        [MAQET_REMOVED_STORAGE] = "storage",
        [MAQET_REMOVED_OVERLAY] = "overlay",
    };

    return kind < sizeof(names) / sizeof(*names) ? names[kind] : NULL;
}

void
maqet_removal_clear(struct maqet_removal *removal)
{
    for (size_t i = 0; i < removal->count; i++) {
        free(removal->files[i].path);
        free(removal->files[i].drive);
        free(removal->files[i].reason);
    }
    free(removal->files);
    *removal = (struct maqet_removal){0};
}

static void
planning_clear(struct planning *planning)
{
    maqet_vm_free(planning->vm);
    maqet_images_clear(&planning->images);
}

/* Takes the reason. */
static void
add_file(struct maqet_removal *plan, enum maqet_removed_kind kind, const char *path,
         bool removed, char *reason)
{
    struct stat status;

    *MAQET_APPEND(plan->files, plan->count) = (struct maqet_removal_file){
        .path = maqet_strdup(path),
        .kind = kind,
        .size = stat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0,
        .removed = removed,
        .reason = reason,
    };
}

static bool
has_file(const struct maqet_removal *plan, const char *path)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->files[i].path, path) == 0)
            return true;
    return false;
}

/* ---- images that maqet created ---- */

/* The drive that an image was created for, if that cannot be inspected, and so may have
 * another image by now; or NULL. */
static const struct maqet_drive *
unknown_drive(const struct planning *planning, const struct maqet_image_record *record)
{
    for (size_t i = 0; i < planning->vm->drive_count; i++) {
        const struct maqet_drive *drive = planning->vm->drives[i];

        if (maqet_drive_is_unknown(drive) && !drive->path &&
            strcmp(drive->name, record->drive) == 0)
            return drive;
    }
    return NULL;
}

/* Why an image stays even if nothing else needs it; NULL: it may be deleted. The caller
 * frees. */
static char *
reason_to_keep(const struct planning *planning, const struct maqet_image_record *record)
{
    struct maqet_file_id id;

    if (!maqet_file_id_of_path(record->path, &id)) {
        _cleanup_free_ char *when = maqet_text_date(record->seen);

        return maqet_format("missing; it was last there on %s", when);
    }
    if (!maqet_owner_vouches(record, &id))
        return maqet_strdup("it is not the file that maqet created");
    if (!planning->how->delete_storage) {
        _cleanup_free_ char *why =
            maqet_context_next(planning->context, MAQET_NEXT_DELETE_STORAGE, NULL);
        return maqet_format("created by maqet, and %s", why);
    }
    if (!planning->vm)
        return maqet_strdup("created by maqet, perhaps for a drive that the VM no longer "
                            "has: its definition is not sound");
    const struct maqet_drive *unknown = unknown_drive(planning, record);
    if (unknown)
        return maqet_format("created by maqet for the drive '%s', which cannot be "
                            "inspected: %s",
                            unknown->name, unknown->fault->message);
    if (!maqet_vm_find_path(planning->vm, record->path))
        return maqet_strdup("created by maqet for a drive that the VM no longer has");
    /* An earlier maqet did not record the data folder, of which there may be a copy. */
    if (!record->data_dir)
        return maqet_strdup("created by an earlier maqet; whose it is will be known when "
                            "the VM has been started once");
    _cleanup_free_ char *objection =
        maqet_owner_objection(planning->context, planning->name, planning->uuid, record);
    return objection ? maqet_format("created by maqet %s", objection) : NULL;
}

/* Adds the candidates that can be deleted, an overlay before its backing file, and then the
 * others, which stay. */
static void
plan_candidates(struct planning *planning, const struct maqet_strings *candidates)
{
    _cleanup_strings_ struct maqet_strings going = MAQET_STRINGS_INIT;
    _cleanup_free_ char **reasons = maqet_alloc(candidates->count * sizeof(char *) + 1);
    size_t before;

    do {
        before = going.count;
        for (size_t i = 0; i < candidates->count; i++) {
            const char *path = candidates->items[i];

            if (maqet_strings_has(&going, path))
                continue;
            free(reasons[i]);
            reasons[i] =
                maqet_image_need(planning->context, planning->name, &going, path);
            if (reasons[i])
                continue;
            maqet_strings_add(&going, path);
            add_file(planning->plan, MAQET_REMOVED_IMAGE, path, true,
                     maqet_strdup("created by maqet"));
        }
    } while (going.count > before);
    for (size_t i = 0; i < candidates->count; i++)
        if (reasons[i]) {
            add_file(planning->plan, MAQET_REMOVED_IMAGE, candidates->items[i], false,
                     reasons[i]);
            planning->plan->files[planning->plan->count - 1].needed = true;
        }
}

static void
plan_created(struct planning *planning)
{
    _cleanup_strings_ struct maqet_strings candidates = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < planning->images.count; i++) {
        const struct maqet_image_record *record = &planning->images.items[i];

        /* An image that never got its name never existed. */
        if (!record->created || !record->path ||
            (record->seen == 0 && access(record->path, F_OK) < 0))
            continue;
        char *reason = reason_to_keep(planning, record);
        if (reason)
            add_file(planning->plan, MAQET_REMOVED_IMAGE, record->path, false, reason);
        else
            maqet_strings_add(&candidates, record->path);
    }
    plan_candidates(planning, &candidates);
}

/* ---- other files ---- */

/* Why an image stays that is not recorded as created for the machine. The caller frees. */
static char *
reason_of_other(const struct planning *planning, const char *path)
{
    const struct maqet_image_record bare = {.path = (char *)path};
    _cleanup_free_ char *objection =
        planning->uuid ? maqet_owner_objection(planning->context, planning->name,
                                               planning->uuid, &bare)
                       : NULL;

    return objection ? maqet_format("created by maqet %s", objection)
                     : maqet_strdup("not created by maqet");
}

/* Adds the other images of its drives. */
static void
plan_others(struct planning *planning)
{
    for (size_t i = 0; planning->vm && i < planning->vm->drive_count; i++) {
        const struct maqet_drive *drive = planning->vm->drives[i];

        if (drive->path && access(drive->path, F_OK) == 0 &&
            !has_file(planning->plan, drive->path))
            add_file(planning->plan, MAQET_REMOVED_IMAGE, drive->path, false,
                     reason_of_other(planning, drive->path));
    }
}

/* Adds storage that is not a file of this host. */
static void
plan_elsewhere(struct planning *planning)
{
    for (size_t i = 0; planning->vm && i < planning->vm->drive_count; i++) {
        const struct maqet_drive *drive = planning->vm->drives[i];
        const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
        char *reason;

        if (plugin->path_option || plugin->creation != MAQET_CREATION_ONCE)
            continue;
        bool removed =
            maqet_elsewhere_is_removed(planning->vm, drive, planning->how, &reason);
        if (reason)
            *MAQET_APPEND(planning->plan->files, planning->plan->count) =
                (struct maqet_removal_file){.path = maqet_drive_place(drive),
                                            .drive = maqet_strdup(drive->name),
                                            .kind = MAQET_REMOVED_STORAGE,
                                            .removed = removed,
                                            .reason = reason};
    }
}

static int
plan_checkpoint_files(struct planning *planning, const char *suffix,
                      struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder =
        maqet_store_file(planning->context, planning->name, MAQET_STORE_CHECKPOINTS);

    if (maqet_state_file_list(planning->context, planning->name, suffix, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path =
            maqet_format("%s/%s%s", folder, names.items[i], suffix);

        add_file(planning->plan, MAQET_REMOVED_MEMORY, path, true,
                 maqet_format("memory of the checkpoint '%s'", names.items[i]));
    }
    return 0;
}

/* The memory of its checkpoints is always deleted. */
static int
plan_checkpoints(struct planning *planning, struct maqet_error **err)
{
    return plan_checkpoint_files(planning, ".state", err) < 0
               ? -1
               : plan_checkpoint_files(planning, MAQET_MEMORY_SUFFIX, err);
}

static int
list_overlays(const struct maqet_context *context, const char *name,
              struct maqet_strings *files, struct maqet_error **err)
{
    _cleanup_free_ char *drives = maqet_store_file(context, name, MAQET_STORE_DRIVES);

    return maqet_folder_overlays(drives, files, err);
}

/* They hold all that the guest has written since the first of them was created, and cannot stay. */
int
maqet_removal_check_overlays(const struct maqet_context *context, const char *name,
                             const struct maqet_remove *how, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    if (list_overlays(context, name, &files, err) < 0)
        return -1;
    if (files.count == 0 || how->delete_storage)
        return 0;
    _cleanup_free_ char *folder = maqet_path_folder(files.items[0]);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The folder of VM '%s' has overlays, which hold what the guest has "
                    "written to a drive since its first snapshot: %s",
                    name, folder);
    maqet_error_hint(err, "Delete the drive's snapshots: what the overlays hold is merged "
                          "into its storage then");
    return maqet_error_next(err, MAQET_NEXT_REMOVE_OVERLAYS, name, NULL);
}

static int
plan_overlays(struct planning *planning, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    if (maqet_removal_check_overlays(planning->context, planning->name, planning->how,
                                     err) < 0 ||
        list_overlays(planning->context, planning->name, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++)
        add_file(planning->plan, MAQET_REMOVED_OVERLAY, files.items[i], true,
                 maqet_strdup("overlay of a drive that is not a file of this host"));
    return 0;
}

int
maqet_vm_plan_removal(const struct maqet_context *context, const char *name,
                      const struct maqet_remove *how, struct maqet_removal *plan,
                      struct maqet_error **err)
{
    _cleanup_(planning_clear) struct planning planning = {
        .context = context, .name = name, .how = how, .plan = plan};
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, name, NULL);

    maqet_removal_clear(plan);
    planning.uuid = definition ? definition->uuid : NULL;
    planning.vm = maqet_vm_open(context, name, NULL);
    if (maqet_images_load(context, name, &planning.images, err) < 0)
        return -1;
    plan_created(&planning);
    plan_others(&planning);
    plan_elsewhere(&planning);
    return plan_checkpoints(&planning, err) < 0 ? -1 : plan_overlays(&planning, err);
}
