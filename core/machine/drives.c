/* SPDX-License-Identifier: MIT */
#include "core/machine/drives.h"

#include <errno.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/bases.h"
#include "core/machine/bases_elsewhere.h"
#include "core/machine/check.h"
#include "core/machine/ended.h"
#include "core/machine/holders.h"
#include "core/machine/images.h"
#include "core/machine/monitor.h"
#include "core/machine/owner.h"
#include "core/qemu/arguments.h"
#include "core/storage/creation.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_possible.h"
#include "core/storage/record.h"
#include "core/storage/space.h"
#include "core/storage/volatile.h"

/* Whether a drive's image is recorded: a file, or other storage that its plugin can
 * inspect and that outlives the machine's end. */
static bool
is_recorded(const struct maqet_drive *drive)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    if (drive->path || plugin->path_option || !plugin->inspect)
        return drive->path;
    return plugin->creation == MAQET_CREATION_NEVER
               ? plugin->interface != NULL
               : plugin->creation == MAQET_CREATION_ONCE;
}

/* Records an image that is about to get its name. If it never does, the record does no
 * harm; without it, the file would never be deleted. */
static int
record_image(void *data, const struct maqet_drive *drive, const char *file,
             const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_vm *vm = data;

    if (file)
        maqet_owner_mark(vm->context, vm->definition, file);
    return maqet_images_note_created(vm, drive, id, err);
}

/* One error for all missing images that existed before, which may have one cause. */
static int
check_none_vanished(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *first = NULL;
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (!drive->path || access(drive->path, F_OK) == 0 || errno != ENOENT ||
            !maqet_image_vanished(drive))
            continue;
        if (first)
            maqet_strings_addf(&others, "%s (drive '%s')", drive->path, drive->name);
        else
            maqet_image_error_vanished(drive, &first);
    }
    if (!first)
        return 0;
    if (others.count > 0) {
        _cleanup_free_ char *list = maqet_strings_list(&others);
        _cleanup_free_ char *message = first->message;

        first->message = maqet_format("%s; missing as well: %s", message, list);
    }
    return maqet_error_move(err, TAKE_PTR(first));
}

/* Notes which file the image is. */
static void
note_image(struct maqet_drive *drive, const struct maqet_image_state *state)
{
    if (drive->path && state->exists && !drive->overlays)
        drive->chain.nodes[0].id = state->id;
}

/* Whether what the present state stands on is there, and as it was. */
static int
check_overlays(const struct maqet_vm *vm, const struct maqet_drive *drive, bool exists,
               const struct maqet_drives_consent *consent, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    const char *file;

    if (overlays->count == 1)
        return exists ? maqet_overlays_check_not_mixed(drive, err) : 0;
    if (!exists && (drive->path || drive->storage->plugin.inspect)) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                          "%s%s is missing, and its overlays in %s hold only what "
                          "was written since their creation",
                          drive->path ? "the image " : "what it is made of",
                          drive->path ? drive->path : "", overlays->folder);
        maqet_error_hint(err, "Restore it from a backup, or bring back its disk");
        return -1;
    }
    if (maqet_holders_unsettled(drive, &file)) {
        _cleanup_free_ char *what =
            maqet_format("drive '%s': the overlay %s", drive->name, file);
        return maqet_holders_error(vm, what, file, err);
    }
    if ((overlays->merging_above > 0 && maqet_overlay_nodes_unmerged(drive, err) < 0) ||
        (overlays->prepared > 0 && maqet_overlay_nodes_adopt(drive, err) < 0) ||
        maqet_overlay_nodes_refreeze(drive, err) < 0)
        return -1;
    if (consent && consent->accept_bases)
        return (maqet_overlay_is_elsewhere(drive) &&
                maqet_overlay_elsewhere_accept(drive, err) < 0) ||
                       maqet_overlays_accept(overlays, err) < 0
                   ? -1
                   : maqet_overlay_nodes_renew(drive, err);
    if (maqet_overlay_check_below(drive, overlays->top, err) == 0)
        return maqet_overlay_nodes_renew(drive, err);
    maqet_error_wrap(err, "VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    /* What a server has is not known while it cannot be asked. */
    if (!drive->path && err && (*err)->code != MAQET_ERROR_STATE)
        return -1;
    return maqet_error_next(err, MAQET_NEXT_ACCEPT_BASE, drive->machine->vm_name, NULL);
}

static int
check_drive(const struct maqet_vm *vm, struct maqet_drive *drive,
            const struct maqet_drives_consent *consent, struct maqet_error **err)
{
    struct maqet_image_state state;

    if (drive->shown)
        return 0;
    drive->create_missing = consent && consent->create_missing;
    if (maqet_image_precheck(drive, &state, err) < 0)
        return -1;
    note_image(drive, &state);
    if (drive->overlays && check_overlays(vm, drive, state.exists, consent, err) < 0)
        return -1;
    return (!(consent && consent->accept_bases) && maqet_bases_check(drive, err) < 0) ||
                   maqet_bases_check_unused(drive, err) < 0 ||
                   maqet_bases_check_elsewhere(drive, err) < 0
               ? -1
               : 0;
}

int
maqet_vm_drives_check(const struct maqet_vm *vm,
                      const struct maqet_drives_consent *consent,
                      struct maqet_error **err)
{
    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    if (!(consent && consent->create_missing) && check_none_vanished(vm, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (check_drive(vm, vm->drives[i], consent, err) < 0)
            return -1;
    if (maqet_bases_check_arguments(vm, err) < 0 || maqet_vm_check_drives(vm, err) < 0)
        return -1;
    return maqet_image_check_space(vm->drives, vm->drive_count, err);
}

static bool
is_among(const struct maqet_drive *drive, const struct maqet_drive *const *drives,
         size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (drives[i] == drive)
            return true;
    return false;
}

int
maqet_vm_drives_check_some(const struct maqet_vm *vm,
                           const struct maqet_drive *const *drives, size_t count,
                           struct maqet_error **err)
{
    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    for (size_t i = 0; i < vm->drive_count; i++)
        if (is_among(vm->drives[i], drives, count) &&
            (check_drive(vm, vm->drives[i], NULL, err) < 0 ||
             maqet_vm_check_drive(vm, vm->drives[i], err) < 0 ||
             maqet_drive_files_check(vm->drives[i], err) < 0))
            return -1;
    return 0;
}

/* Whether nobody else uses the drives whose images the guest sees. */
static int
check_unused(const struct maqet_vm *vm, struct maqet_error **err)
{
    bool makes = false;

    for (size_t i = 0; i < vm->drive_count; i++) {
        if (!vm->drives[i]->shown &&
            (maqet_drive_check_users(vm->drives[i], 0, err) < 0 ||
             maqet_holders_check_named(vm, vm->drives[i], err) < 0))
            return -1;
        makes = makes || (!vm->drives[i]->shown && vm->drives[i]->path &&
                          access(vm->drives[i]->path, F_OK) < 0);
    }
    /* QEMU notices that an image is in use, but only after others were created. A helper
     * notices it, but QEMU is only told that nobody answers. */
    for (size_t i = 0; i < vm->drive_count; i++)
        if ((makes || maqet_drive_is_opened_by_helper(vm->drives[i])) &&
            !vm->drives[i]->shown && !maqet_drive_readonly(vm->drives[i]) &&
            maqet_holders_check_exclusive(vm, vm->drives[i], err) < 0)
            return -1;
    return 0;
}

/* Creates what is missing for a drive, and records it. */
static int
prepare(struct maqet_vm *vm, struct maqet_drive *drive, bool accept_bases,
        struct maqet_error **err)
{
    const struct maqet_image_recorder recorder = {.record = record_image, .data = vm};
    struct maqet_image_state state;
    bool created;

    if (drive->shown)
        return 0;
    if (maqet_image_prepare(drive, &state, &created, &recorder, err) < 0)
        return -1;
    note_image(drive, &state);
    if (!state.exists || !is_recorded(drive))
        return 0;
    if (maqet_images_note_seen(vm, drive, &state, created, accept_bases, err) < 0)
        return -1;
    /* Only the record tells that it is ours. */
    return created && !drive->path ? maqet_images_confirm(vm, err) : 0;
}

int
maqet_vm_drives_prepare(struct maqet_vm *vm, const struct maqet_drives_consent *consent,
                        struct maqet_error **err)
{
    bool accept_bases = consent && consent->accept_bases;
    _cleanup_strings_ struct maqet_strings given_up = MAQET_STRINGS_INIT;

    if (maqet_vm_drives_check(vm, consent, err) < 0 || check_unused(vm, err) < 0 ||
        maqet_ended_prune(vm->context, vm->definition->name, vm->definition, err) < 0 ||
        maqet_ended_note(vm, err) < 0)
        return -1;
    /* Earlier images that are missing, too: the user has agreed to do without them. */
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->earlier && access(vm->drives[i]->path, F_OK) < 0)
            maqet_strings_add(&given_up, vm->drives[i]->earlier->path);
    for (size_t i = 0; i < vm->drive_count; i++)
        if (prepare(vm, vm->drives[i], accept_bases, err) < 0)
            return -1;
    return maqet_images_give_up(vm, &given_up, err) < 0 ||
                   maqet_images_confirm(vm, err) < 0
               ? -1
               : maqet_left_images_take_over(vm->context, &vm->images, err);
}

void
maqet_vm_drives_warn(const struct maqet_vm *vm)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *notice = NULL;

    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->default_path && !vm->drives[i]->shown)
            maqet_strings_addf(&names, "'%s'", vm->drives[i]->name);
    /* Whoever names a folder knows what becomes of it. */
    bool named =
        vm->context->storage_dir || maqet_tree_text(vm->definition->tree, "storage_dir");
    _cleanup_free_ char *reason =
        names.count > 0 && !named ? maqet_folder_volatile(vm->machine.storage_dir) : NULL;
    if (!reason)
        return;
    _cleanup_free_ char *list = maqet_strings_list(&names);
    maqet_error_set(&notice, MAQET_ERROR_STATE,
                    "VM '%s': no `file` is given for drive%s %s, so %s in %s, %s",
                    vm->definition->name, names.count > 1 ? "s" : "", list,
                    names.count > 1 ? "their images are" : "its image is",
                    vm->machine.storage_dir, reason);
    maqet_error_hint(&notice,
                     "To keep such images over a reboot, give each a `file`, or set "
                     "`storage_dir` in the VM's file or in maqet.conf");
    maqet_context_say_error(vm->context, MAQET_LEVEL_WARNING, notice);
}

static int
prepare_one(struct maqet_vm *vm, struct maqet_drive *drive,
            const struct maqet_drives_consent *consent, struct maqet_error **err)
{
    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    if (check_drive(vm, drive, consent, err) < 0 ||
        maqet_vm_check_drive(vm, drive, err) < 0 ||
        maqet_image_check_space(&drive, 1, err) < 0 ||
        maqet_drive_check_users(drive, 0, err) < 0 ||
        maqet_holders_check_named(vm, drive, err) < 0 ||
        (!maqet_drive_readonly(drive) && maqet_holders_check(vm, drive, err) < 0) ||
        maqet_ended_note(vm, err) < 0)
        return -1;
    return prepare(vm, drive, false, err);
}

int
maqet_vm_drive_prepare(struct maqet_vm *vm, struct maqet_drive *drive,
                       const struct maqet_drives_consent *consent,
                       struct maqet_error **err)
{
    return prepare_one(vm, drive, consent, err) < 0 || maqet_images_confirm(vm, err) < 0
               ? -1
               : maqet_left_images_take_over(vm->context, &vm->images, err);
}

int
maqet_vm_drive_make(struct maqet_vm *vm, struct maqet_drive *drive,
                    struct maqet_error **err)
{
    return prepare_one(vm, drive, NULL, err);
}

int
maqet_vm_drives_check_same(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_drive_files_check(vm->drives[i], err) < 0)
            return -1;
    return 0;
}

/* ---- other users ---- */

bool
maqet_vm_drives_are_asked_again(const struct maqet_vm *vm)
{
    /* With -S, the user's arguments make the guest wait. */
    if (maqet_arguments_has(maqet_vm_arguments(vm), "S"))
        return false;
    for (size_t i = 0; i < vm->drive_count; i++)
        if ((vm->drives[i]->storage->plugin.holders ||
             maqet_drive_is_unknown(vm->drives[i])) &&
            !maqet_drive_readonly(vm->drives[i]))
            return true;
    return false;
}

int
maqet_vm_drives_check_asked(struct maqet_opened *machine, struct maqet_error **err)
{
    if (!maqet_monitor_connect(machine, err))
        return -1;
    if (!maqet_vm_drives_are_asked_again(machine->vm))
        return 0;
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(machine, "query-status", NULL, err);
    const char *status = maqet_json_text(answer, "status");

    if (!answer)
        return -1;
    if (!status || strcmp(status, "prelaunch") != 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' has not run yet: its start was interrupted, and another "
                    "program may be using its drives",
                    machine->name);
    maqet_error_next(err, MAQET_NEXT_STOP_AND_START, machine->name, NULL);
    return -1;
}

int
maqet_vm_drives_check_alone(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (!vm->drives[i]->shown && maqet_drive_check_users(vm->drives[i], 1, err) < 0)
            return -1;
    return 0;
}
