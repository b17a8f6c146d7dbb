/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/lifecycle/stop.h"
#include "core/machine/images_file.h"
#include "core/machine/opened.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/image.h"

/* Whether the list of images that outlive their machine can be read: what is kept is to
 * be remembered there, and nothing may go before that is sure. */
static int
check_list(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};

    return maqet_images_load(context, NULL, &images, err);
}

/* Deletes the images that are to go, and makes sure that this has reached the disk. */
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
        if (fd < 0 || unlink(file->path) < 0)
            return maqet_error_errno(err, errno, "Cannot delete %s", file->path);
        maqet_strings_add(deleted, file->path);
        if (maqet_dir_sync(fd, folder, err) < 0)
            return -1;
    }
    return 0;
}

/* Images that stay are remembered without their machine, so that they can be found and
 * deleted later. */
static int
remember_kept(const struct maqet_context *context, const char *name,
              const struct maqet_strings *deleted, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};

    return maqet_images_load(context, name, &images, err) < 0
               ? -1
               : maqet_left_images_add(context, &images, deleted, err);
}

/* What was left beside images that were being made: nobody would look for it again. */
static void
sweep_images(struct maqet_opened *machine)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);

    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (vm->drives[i]->path && vm->drives[i]->storage->plugin.create)
            maqet_image_sweep(vm->drives[i]);
}

/* Removes the folder of a machine that no longer runs; only what we put there. */
static void
remove_run_dir(const struct maqet_context *context, const struct maqet_run *run)
{
    static const char *const files[] = {
        "run",     "owner",         "qmp.lock",       "qemu.log",
        "vm.json", MAQET_DRIVE_LOG, MAQET_RUN_FORCED, MAQET_RUN_RULES};

    if (run->dir_fd < 0)
        return;
    maqet_run_tidy(run->dir_fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(run->dir_fd, files[i], 0);
    maqet_run_remove_servers(run->folder);
    if (rmdir(run->folder) < 0)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s is kept: %s", run->folder,
                          strerror(errno));
}

static int
check_removable(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return maqet_store_check_removal(machine->context, machine->name, err);
    maqet_opened_error_running(machine, false, err);
    maqet_error_next(err, MAQET_NEXT_STOP_TO_REMOVE, machine->name, NULL);
    maqet_error_next(err, MAQET_NEXT_REMOVE_FORCED, machine->name, NULL);
    return -1;
}

int
maqet_vm_removable(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, name, 0, err);

    return machine ? check_removable(machine, err) : -1;
}

/* Puts right what was interrupted: where images stay, they stay as one would want to find
 * them. With @force that need not work. */
static int
recover(struct maqet_opened *machine, bool force, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_opened_recover(machine, &reason) == 0)
        return 0;
    if (!force)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s", reason->message);
    return 0;
}

/* Opens a machine that does not run: with @force, after ending it, as often as somebody
 * starts it meanwhile; *ended tells whether that was done. */
static struct maqet_opened *
open_at_rest(const struct maqet_context *context, const char *name, bool force,
             bool *ended, struct maqet_error **err)
{
    const struct maqet_stop at_once = {.timeout = 0, .force = true};

    for (;;) {
        bool ran = false;

        /* A QEMU that hangs is not waited for before. */
        if (force && maqet_vm_stop(context, name, &at_once, &ran, err) < 0)
            return NULL;
        *ended = *ended || ran;
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(context, name, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING, err);
        if (!machine)
            return NULL;
        if (machine->run.pid > 0 && force)
            continue;
        /* Before any image goes: a removal that stops halfway would be worse than none.
         */
        return check_removable(machine, err) < 0 || recover(machine, force, err) < 0
                   ? NULL
                   : TAKE_PTR(machine);
    }
}

/* Removes a machine that is locked and at rest. */
static int
remove_machine(struct maqet_opened *machine, const struct maqet_remove *how,
               struct maqet_removal *receipt, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings deleted = MAQET_STRINGS_INIT;
    const struct maqet_context *context = machine->context;
    const char *name = machine->name;

    sweep_images(machine);
    /* Anew, with the machine locked: others may have begun to use an image. */
    if (check_list(context, err) < 0 ||
        maqet_vm_plan_removal(context, name, how, receipt, err) < 0 ||
        delete_images(receipt, &deleted, err) < 0 ||
        remember_kept(context, name, &deleted, err) < 0 ||
        maqet_store_remove(context, name, err) < 0)
        return -1;
    remove_run_dir(context, &machine->run);
    return 0;
}

int
maqet_vm_remove(const struct maqet_context *context, const char *name_or_uuid,
                const struct maqet_remove *how, struct maqet_removal *receipt,
                struct maqet_error **err)
{
    bool ended = false;
    _cleanup_opened_ struct maqet_opened *machine =
        open_at_rest(context, name_or_uuid, how->force, &ended, err);

    if (machine && remove_machine(machine, how, receipt, err) == 0)
        return 0;
    if (ended)
        maqet_error_remark(err, "QEMU of VM '%s' had been ended before", name_or_uuid);
    return -1;
}
