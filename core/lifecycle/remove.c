/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/lifecycle/ended_forks.h"
#include "core/lifecycle/remove_elsewhere.h"
#include "core/lifecycle/stop.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/forks.h"
#include "core/machine/images_file.h"
#include "core/machine/opened.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/elsewhere.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"

/* Deletes images as planned, to the disk. */
static int
delete_images(const struct maqet_removal *plan, struct maqet_strings *deleted,
              struct maqet_error **err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_removal_file *file = &plan->files[i];
        _cleanup_free_ char *folder = maqet_path_folder(file->path);

        if (!file->removed || file->kind != MAQET_REMOVED_IMAGE)
            continue;
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (maqet_overlays_remove(file->path, err) < 0)
            return -1;
        if (fd < 0 || unlink(file->path) < 0)
            return maqet_error_errno(err, errno, "Cannot delete %s", file->path);
        maqet_strings_add(deleted, file->path);
        if (maqet_dir_sync(fd, folder, err) < 0)
            return -1;
    }
    return 0;
}

/* Has plugins delete storage as planned. */
static int
delete_elsewhere(struct maqet_opened *machine, const struct maqet_removal *plan,
                 struct maqet_error **err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_removal_file *file = &plan->files[i];

        if (!file->removed || file->kind != MAQET_REMOVED_STORAGE)
            continue;
        const struct maqet_vm *vm = maqet_opened_vm(machine, err);
        const struct maqet_drive *drive =
            vm ? maqet_vm_find_drive(vm, file->drive, err) : NULL;
        if (!drive || maqet_elsewhere_remove(drive, err) < 0)
            return -1;
    }
    return 0;
}

/* Deletes what an interrupted creation has left beside images: nothing else would. */
static void
sweep_images(struct maqet_opened *machine)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);

    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (vm->drives[i]->path && vm->drives[i]->storage->plugin.create)
            maqet_image_sweep(vm->drives[i]);
}

static void
remove_run_dir(const struct maqet_context *context, const struct maqet_run *run)
{
    if (run->dir_fd >= 0 && !maqet_run_remove(run->folder, run->dir_fd))
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s is kept: %s", run->folder,
                          strerror(errno));
}

/* Its checkpoints are deleted with it, and one that has forks is not; but for those that are @going, and,
 * unless it is locked, those that go as soon as it is. */
static int
check_forks(struct maqet_opened *machine, const struct maqet_strings *going,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings forks = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings checkpoints = MAQET_STRINGS_INIT;

    if (maqet_state_file_list(machine->context, machine->name, ".state", &checkpoints,
                              err) < 0)
        return -1;
    const struct maqet_vm *vm =
        checkpoints.count > 0 ? maqet_opened_vm(machine, NULL) : NULL;
    if (!vm)
        return 0;
    if (maqet_forks_find(vm, NULL, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < found.count; i++)
        if (!(going && maqet_strings_has(going, found.items[i])) &&
            (machine->lock >= 0 ||
             !maqet_fork_has_ended(machine->context, found.items[i])))
            maqet_strings_add(&forks, found.items[i]);
    if (forks.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&forks);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' has checkpoints with forks, which need them: %s",
                    machine->name, list);
    maqet_error_hint(err, "Remove these VMs first, or with it");
    return maqet_error_next(err, MAQET_NEXT_REMOVE_FORCED, machine->name, NULL);
}

static int
check_removable(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return maqet_store_check_removal(machine->context, machine->name, err);
    maqet_opened_error_running(machine, false, err);
    maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
    return maqet_error_next(err, MAQET_NEXT_REMOVE_FORCED, machine->name, NULL);
}

int
maqet_vm_removable(const struct maqet_context *context, const char *name,
                   const struct maqet_remove *how, const struct maqet_strings *going,
                   struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, name, 0, err);

    return machine && check_removable(machine, err) == 0 &&
                   maqet_removal_check_overlays(context, machine->name, how, err) == 0
               ? check_forks(machine, going, err)
               : -1;
}

/* Recovers an interrupted job, for the sake of images that stay. With @force it may fail. */
static int
recover(struct maqet_opened *machine, bool force, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    /* A fork that is discarded when it has ended would be removed twice. */
    if (!maqet_store_pending(machine->context, machine->name) &&
        maqet_fork_is_discarded(machine->context, machine->name)) {
        maqet_ended_forks_sweep(machine);
        return 0;
    }
    if (maqet_opened_recover(machine, &reason) == 0)
        return 0;
    if (!force)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s", reason->message);
    return 0;
}

/* Opens a stopped machine: with @force it is stopped first, each time that it has been
 * started meanwhile; *ended: it was. */
static struct maqet_opened *
open_stopped(const struct maqet_context *context, const char *name, bool force,
             bool *ended, struct maqet_error **err)
{
    const struct maqet_stop at_once = {.timeout = 0, .force = true};

    for (;;) {
        bool ran = false;

        /* Without waiting for a QEMU that hangs. */
        if (force && maqet_vm_stop(context, name, &at_once, &ran, err) < 0)
            return NULL;
        *ended = *ended || ran;
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(context, name, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING, err);
        if (!machine)
            return NULL;
        if (machine->run.pid > 0 && force)
            continue;
        /* Before any image is deleted: a partial removal would be worse than none. */
        return check_removable(machine, err) < 0 || recover(machine, force, err) < 0 ||
                       (!force && check_forks(machine, NULL, err) < 0)
                   ? NULL
                   : TAKE_PTR(machine);
    }
}

/* Whether nothing is due after its last end. With @force, what is due is forgotten. */
static int
check_settled(struct maqet_opened *machine, bool force, struct maqet_error **err)
{
    if (!machine->unsettled || force)
        return 0;
    maqet_error_move(err, TAKE_PTR(machine->unsettled));
    return maqet_error_next(err, MAQET_NEXT_REMOVE_FORCED, machine->name, NULL);
}

/* Makes the plan again, as others may have begun to use an image before the machine was
 * locked, until none is in use. */
static int
plan_at_last(const struct maqet_opened *machine, const struct maqet_remove *how,
             struct maqet_removal *plan, struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(how->patience);

    for (;;) {
        bool needed = false;

        if (maqet_vm_plan_removal(machine->context, machine->name, how, plan, err) < 0 ||
            maqet_interrupt_check(err) < 0)
            return -1;
        for (size_t i = 0; i < plan->count; i++)
            needed |= plan->files[i].needed;
        if (!needed || maqet_deadline_left(deadline) == 0)
            return 0;
        maqet_sleep(50);
    }
}

int
maqet_opened_remove(struct maqet_opened *machine, const struct maqet_remove *how,
                    struct maqet_removal *receipt, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings deleted = MAQET_STRINGS_INIT;
    _cleanup_images_ struct maqet_images images = {0}, left = {0};
    const struct maqet_context *context = machine->context;
    const char *name = machine->name;

    if (check_settled(machine, how->force, err) < 0)
        return -1;
    sweep_images(machine);
    /* Images that stay are listed without their machine, so that they can be found and
     * deleted later: nothing is deleted before that list has been read. */
    if (maqet_images_load(context, NULL, &left, err) < 0 ||
        plan_at_last(machine, how, receipt, err) < 0)
        return -1;
    /* What is deleted cannot be brought back: from here on, all of it is removed. */
    maqet_interrupt_defer(true);
    int result = delete_elsewhere(machine, receipt, err) < 0 ||
                         delete_images(receipt, &deleted, err) < 0 ||
                         maqet_images_load(context, name, &images, err) < 0 ||
                         maqet_left_images_add(context, &images, &deleted, err) < 0
                     ? -1
                     : 0;
    if (result == 0) {
        /* First, as nobody would look for it when the machine has gone. */
        remove_run_dir(context, &machine->run);
        result = maqet_store_remove(context, name, err);
    }
    maqet_interrupt_defer(false);
    return result;
}

int
maqet_vm_remove(const struct maqet_context *context, const char *name_or_uuid,
                const struct maqet_remove *how, struct maqet_removal *receipt,
                struct maqet_error **err)
{
    bool ended = false;
    _cleanup_free_ char *name = maqet_store_resolve(context, name_or_uuid, err);

    /* Before it is stopped. */
    if (!name || maqet_removal_check_overlays(context, name, how, err) < 0)
        return -1;
    _cleanup_opened_ struct maqet_opened *machine =
        open_stopped(context, name_or_uuid, how->force, &ended, err);

    /* The recovery of a fork or a clone that was interrupted has removed it. */
    if (machine && !maqet_store_has(context, machine->name))
        return 0;
    if (machine && maqet_opened_remove(machine, how, receipt, err) == 0)
        return 0;
    if (ended)
        maqet_error_remark(err, "QEMU of VM '%s' had been ended before", name_or_uuid);
    return -1;
}
