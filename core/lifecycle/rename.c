/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/interrupt.h"
#include "core/base/replacement.h"
#include "core/machine/opened.h"
#include "core/machine/owner.h"
#include "core/machine/run_folder.h"
#include "core/machine/store.h"

/* ---- whether it may be renamed ---- */

static int
check(struct maqet_opened *machine, const char *new_name, struct maqet_error **err)
{
    if (!maqet_vm_name_valid(new_name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "Invalid VM name '%s': use a letter or digit, then "
                               "letters, digits, '.', '_' and '-'; at most 63 characters",
                               new_name);
    if (machine->run.pid > 0) {
        maqet_opened_error_running(machine, false, err);
        return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
    }
    /* It is recorded with the name. */
    return machine->unsettled ? maqet_error_move(err, TAKE_PTR(machine->unsettled)) : 0;
}

/* ---- what contains the name ---- */

/* Moves the run folder, which nobody uses, so that it has the machine's name. If that is
 * impossible, it stays where it was last noted. */
static void
move_run_folder(const struct maqet_context *context, const struct maqet_run *before,
                const char *new_name)
{
    const char *slash = before->folder ? strrchr(before->folder, '/') : NULL;
    _cleanup_close_ int above =
        open(context->runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *old =
        slash ? maqet_format("%s%s", context->runtime_dir, slash) : NULL;
    _cleanup_run_ struct maqet_run now = MAQET_RUN_INIT;

    if (before->dir_fd < 0 || above < 0 || !old || strcmp(old, before->folder) != 0 ||
        !maqet_file_publish(above, slash + 1, new_name))
        return;
    /* Then it is claimed again, under the new name. */
    unlinkat(before->dir_fd, "owner", 0);
    if (maqet_run_open(context, new_name, &now, NULL) == 0)
        maqet_run_note_folder(context, new_name, &now, NULL);
}

/* Corrects records that tell for which machine an image was created, and the marks on the
 * images. */
static int
correct_records(const struct maqet_context *context,
                const struct maqet_definition *definition, const char *list,
                struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};
    bool changed = false;

    if (maqet_images_load(context, list, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        struct maqet_image_record *record = &images.items[i];

        if (!record->created || !record->uuid ||
            strcasecmp(record->uuid, definition->uuid) != 0)
            continue;
        _cleanup_free_ char *objection =
            maqet_owner_objection(context, definition->name, definition->uuid, record);
        if (objection)
            continue;
        free(record->vm);
        record->vm = maqet_strdup(definition->name);
        changed = true;
        if (record->path)
            maqet_owner_mark(context, definition, record->path);
    }
    return changed ? maqet_images_save(context, list, &images, err) : 0;
}

/* The store is locked. */
static int
correct(const struct maqet_context *context, const char *new_name,
        struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, new_name, err);

    return !definition || maqet_store_replace(context, definition, err) < 0 ||
                   correct_records(context, definition, new_name, err) < 0 ||
                   correct_records(context, definition, NULL, err) < 0
               ? -1
               : 0;
}

int
maqet_vm_rename(const struct maqet_context *context, const char *name,
                const char *new_name, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name, MAQET_OPEN_LOCK, err);

    if (!machine || check(machine, new_name, err) < 0)
        return -1;
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);
    if (lock < 0 || maqet_interrupt_check(err) < 0 ||
        maqet_store_rename(context, machine->name, new_name, err) < 0)
        return -1;
    /* From here on it has the new name, whatever fails. */
    maqet_interrupt_defer(true);
    if (correct(context, new_name, &reason) < 0)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, reason);
    move_run_folder(context, &machine->run, new_name);
    maqet_interrupt_defer(false);
    return 0;
}
