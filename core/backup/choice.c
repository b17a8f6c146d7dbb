/* SPDX-License-Identifier: MIT */
#include "core/backup/choice.h"

#include <string.h>

#include "core/base/json.h"
#include "core/storage/emitted.h"
#include "core/storage/image.h"
#include "core/storage/record.h"

void
maqet_backup_choice_clear(struct maqet_backup_choice *choice)
{
    free(choice->drives);
    *choice = (struct maqet_backup_choice){0};
}

static bool
is_secret(const struct maqet_props *object)
{
    return strcmp(object->option, "-object") == 0 &&
           maqet_text_starts(maqet_json_text(object->json, "qom-type"), "secret");
}

/* Its backup would contain readable what is not readable in its image. */
static int
check_secrets(const struct maqet_drive *drive, const char **why, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    for (size_t i = 0; i < args->count; i++)
        if (is_secret(args->objects[i]))
            *why = "it is encrypted or needs a password, and its backup would not be "
                   "protected like that";
    return 0;
}

static bool
is_missing(const struct maqet_drive *drive)
{
    return drive->path && maqet_file_missing(drive->path);
}

/* *why: why a drive cannot be in a backup; NULL: it can. */
static int
judge(const struct maqet_opened *machine, const struct maqet_drive *drive,
      const char **why, struct maqet_error **err)
{
    bool runs = machine->run.pid > 0;

    *why = drive->shown ? "it has no image of its own in a fork that is discarded" : NULL;
    if (*why)
        return 0;
    if (maqet_drive_check_fault(drive, runs ? MAQET_FAULT_ENTRY : MAQET_FAULT_STORAGE,
                                err) < 0)
        return -1;
    if (!drive->storage->plugin.interface)
        *why = "it is a share";
    else if (drive->media == MAQET_MEDIA_CDROM)
        *why = "it is a CD-ROM drive";
    else if (maqet_drive_readonly(drive))
        *why = "it is read-only";
    else if (maqet_drive_is_opened_by_helper(drive))
        *why = "QEMU itself does not open its image";
    else if (drive->storage->plugin.creation == MAQET_CREATION_EACH_START)
        *why = "it is created anew by each start";
    else if (!runs && is_missing(drive) && maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    else if (!runs && is_missing(drive))
        *why = "it has no image yet";
    return *why ? 0 : check_secrets(drive, why, err);
}

static int
consider(const struct maqet_opened *machine, const struct maqet_drive *drive, bool named,
         struct maqet_backup_choice *choice, struct maqet_backup *backup,
         struct maqet_error **err)
{
    const char *why;

    if (judge(machine, drive, &why, err) < 0)
        return -1;
    if (why && named)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "there is no backup of it, as %s", why);
    if (why)
        *MAQET_APPEND(backup->skipped, backup->skipped_count) =
            (struct maqet_backup_skipped){.name = maqet_strdup(drive->name),
                                          .why = maqet_strdup(why)};
    else
        *MAQET_APPEND(choice->drives, choice->count) = drive;
    return 0;
}

static int
consider_named(const struct maqet_opened *machine, const struct maqet_strings *names,
               struct maqet_backup_choice *choice, struct maqet_backup *backup,
               struct maqet_error **err)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(machine->vm, names->items[i], err);
        bool again = false;

        for (size_t j = 0; j < choice->count; j++)
            again = again || choice->drives[j] == drive;
        if (!drive || (!again && consider(machine, drive, true, choice, backup, err) < 0))
            return -1;
    }
    return 0;
}

int
maqet_backup_choose(struct maqet_opened *machine, const struct maqet_strings *names,
                    struct maqet_backup_choice *choice, struct maqet_backup *backup,
                    struct maqet_error **err)
{
    const struct maqet_vm *vm = machine->vm;

    if (names && names->count > 0)
        return consider_named(machine, names, choice, backup, err);
    for (size_t i = 0; i < vm->drive_count; i++)
        if (consider(machine, vm->drives[i], false, choice, backup, err) < 0)
            return -1;
    return choice->count > 0
               ? 0
               : maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                 "VM '%s' has no drive that can be in a backup",
                                 machine->name);
}
