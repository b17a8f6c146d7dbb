/* SPDX-License-Identifier: MIT */
/*
 * resize.c - grows a drive: by QEMU while it runs, else by the drive's plugin. A drive is
 * never shrunk, as that would cut off the guest's data.
 */
#include "core/lifecycle/resize.h"

#include <string.h>

#include "core/config/options.h"
#include "core/job/recover.h"
#include "core/machine/bases_elsewhere.h"
#include "core/machine/drives.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/opened.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/keys.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/record.h"
#include "core/storage/space.h"

struct resizing {
    struct maqet_opened *machine;
    const struct maqet_drive *drive;
};

static bool
is_live(const struct resizing *resizing)
{
    return resizing->machine->run.pid > 0;
}

/* Finds the drive, and checks that its plugin can resize it in this state. */
static int
choose_drive(struct resizing *resizing, const char *name, struct maqet_error **err)
{
    bool live = is_live(resizing);

    const struct maqet_vm *vm = resizing->machine->vm;

    resizing->drive = maqet_vm_find_drive(vm, name, err);
    if (!resizing->drive ||
        !maqet_entries_find_own(vm->definition, resizing->drive, err) ||
        maqet_drive_check_fault(resizing->drive,
                                live ? MAQET_FAULT_ENTRY : MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    const struct maqet_storage_plugin *plugin = &resizing->drive->storage->plugin;
    if (maqet_drive_readonly(resizing->drive))
        return maqet_drive_error(resizing->drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it is read-only, so its size cannot change");
    if (live ? plugin->live_resize != NULL : plugin->resize != NULL)
        return live ? 0 : maqet_bases_check_elsewhere(resizing->drive, err);
    maqet_drive_error(resizing->drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "the type %s cannot be resized%s", plugin->name,
                      live && plugin->resize ? " while the VM is running" : "");
    if (live && plugin->resize)
        maqet_error_next(err, MAQET_NEXT_STOP_FIRST, resizing->machine->name, NULL);
    return -1;
}

/* ---- the present size ---- */

static int
offline_size(const struct resizing *resizing, uint64_t *bytes, struct maqet_error **err)
{
    const struct maqet_drive *drive = resizing->drive;
    struct maqet_image_state state;

    if (drive->overlays && !drive->path && !drive->storage->plugin.inspect)
        return maqet_overlay_nodes_size(drive, drive->overlays->top, bytes, err) < 0
                   ? maqet_error_wrap(err, "VM '%s', drive '%s'", resizing->machine->name,
                                      drive->name)
                   : 0;
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    *bytes = state.virtual_size;
    if (state.exists && state.virtual_size > 0)
        return 0;
    /* Without its size, growing cannot be told from shrinking. */
    if (state.exists || !drive->storage->plugin.inspect)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "its plugin does not report its size, so it cannot "
                                 "be resized");
    if (maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                      "there is nothing to resize yet%s%s", drive->path ? ": " : "",
                      drive->path ? drive->path : "");
    return maqet_error_next(err, MAQET_NEXT_START_TO_MAKE_IMAGE, drive->machine->vm_name,
                            NULL);
}

/* ---- the change ---- */

static int
resize_live(const struct resizing *resizing, uint64_t bytes, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    return maqet_storage_live_resize(resizing->drive, bytes, actions, err) < 0
               ? -1
               : maqet_monitor_run_actions(resizing->machine, actions, err);
}

static int
error_smaller(const struct maqet_drive *drive, uint64_t is, uint64_t wanted,
              struct maqet_error **err)
{
    _cleanup_free_ char *now = maqet_text_size(is);
    _cleanup_free_ char *then = maqet_text_size(wanted);

    maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                      "its size is %s, and %s is less: data at the end would be lost",
                      now, then);
    maqet_error_hint(err, "Give more than %s, or +SIZE to add to it", now);
    return -1;
}

/* Changes the size of a drive in a definition, if that has one. False: nothing has
 * changed. */
static bool
set_size(struct maqet_definition *definition, const struct maqet_drive *drive,
         uint64_t bytes)
{
    const char *option = drive->storage->plugin.size_option;
    json_object *list = NULL;
    _cleanup_free_ char *size = maqet_text_size(bytes);

    json_object_object_get_ex(definition->tree, "storage", &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *its = maqet_tree_text(entry, "name");

        uint64_t before;

        if (!its || strcmp(its, drive->name) != 0)
            continue;
        json_object *container = option ? maqet_keys_container(entry, option) : NULL;
        if (!container ||
            (maqet_parse_size(maqet_tree_text(container, option), &before) &&
             before == bytes))
            return false;
        maqet_tree_set(container, option, json_object_new_string(size),
                       maqet_tree_place_of_key(container, option),
                       maqet_tree_place_of_value(container, option));
        return true;
    }
    return false;
}

/* Writes the new size into the definitions, which the next start compares with the image.
 */
static int
store_size(const struct resizing *resizing, uint64_t bytes, struct maqet_error **err)
{
    const struct maqet_opened *machine = resizing->machine;
    const struct maqet_drive *drive = resizing->drive;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);
    _cleanup_definition_ struct maqet_definition *running =
        is_live(resizing) ? maqet_opened_definition(machine, NULL) : NULL;

    if (running && set_size(running, drive, bytes))
        maqet_opened_note_definition(machine, running, NULL);
    if (stored && (!set_size(stored, drive, bytes) ||
                   maqet_store_replace(machine->context, stored, err) == 0))
        return 0;
    return maqet_error_wrap(err,
                            "The new size of drive '%s' of VM '%s' cannot be written "
                            "into its definition",
                            drive->name, machine->name);
}

/* The same after the image has grown: a failure is only a warning. */
static void
note_size(const struct resizing *resizing, uint64_t bytes)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (store_size(resizing, bytes, &reason) < 0)
        maqet_context_say(resizing->machine->context, MAQET_LEVEL_WARNING, "%s",
                          reason->message);
}

static int
size_of(const struct resizing *resizing, uint64_t *bytes, struct maqet_error **err)
{
    return is_live(resizing)
               ? maqet_monitor_drive_size(resizing->machine, resizing->drive, bytes, err)
               : offline_size(resizing, bytes, err);
}

/* A job, since only the image has the new size until the definition has it, too. */
static int
grow(struct resizing *resizing, uint64_t bytes, struct maqet_error **err)
{
    const struct maqet_drive *drive = resizing->drive;
    _cleanup_job_ struct maqet_job job;

    maqet_job_find(&job, resizing->machine);
    maqet_job_plan(&job, &maqet_kind_resize, drive->name);
    maqet_job_add_target(&job, drive, NULL);
    if (maqet_job_begin(&job, err) < 0)
        return -1;
    if ((is_live(resizing) ? resize_live(resizing, bytes, err)
                           : maqet_storage_resize(drive, bytes, err)) == 0) {
        note_size(resizing, bytes);
        return maqet_job_done(&job, err);
    }
    maqet_error_wrap(err, "Cannot resize drive '%s'", drive->name);
    maqet_holders_explain(resizing->machine->vm, drive, err);
    return maqet_job_fail(&job, err);
}

int
maqet_vm_resize(const struct maqet_context *context, const char *name_or_uuid,
                const char *drive, const struct maqet_resize *how, uint64_t *before,
                uint64_t *after, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        context, name_or_uuid,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
    struct resizing resizing = {.machine = machine};

    if (!machine ||
        (is_live(&resizing) && maqet_vm_drives_check_asked(machine, err) < 0) ||
        choose_drive(&resizing, drive, err) < 0 || size_of(&resizing, before, err) < 0)
        return -1;
    if (__builtin_add_overflow(how->bytes, how->relative ? *before : 0, after) ||
        *after > INT64_MAX)
        return maqet_drive_error(resizing.drive, NULL, err, MAQET_ERROR_INVALID,
                                 "a drive cannot be that large");
    if (*after < *before)
        return error_smaller(resizing.drive, *before, *after, err);
    if (*after == *before) {
        note_size(&resizing, *after);
        return 0;
    }
    return resizing.drive->path &&
                   maqet_image_check_growth(resizing.drive, *after - *before, err) < 0
               ? -1
               : grow(&resizing, *after, err);
}

/* ---- recovery ---- */

/* The image tells whether it has grown. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    const struct resizing resizing = {.machine = job->machine,
                                      .drive = maqet_job_drive(job, 0)};
    uint64_t bytes;

    if (!resizing.drive)
        return maqet_job_done(job, err);
    if (size_of(&resizing, &bytes, err) < 0 || store_size(&resizing, bytes, err) < 0)
        return -1;
    _cleanup_free_ char *size = maqet_text_size(bytes);
    _cleanup_free_ char *words = maqet_format("it has the size %s", size);
    maqet_job_say_nothing_left(job, words);
    return maqet_job_done(job, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_resize = {
    .word = "resize",
    .noun = "growth of drive",
    MAQET_JOB_PHASES(
        {.word = "grow",
         .finishing = "writes the size that {drives} has into the definition"}),
    .recover = recover,
};
