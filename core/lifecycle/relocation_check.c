/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/machine/bases.h"
#include "core/machine/check.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/needs.h"
#include "core/machine/owner.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"
#include "core/storage/snapshots.h"

/* ---- the drive ---- */

static int
check_file(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct stat status;

    if (!drive->storage->plugin.path_option || !drive->path)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "its storage is not an image in a file");
    if (lstat(drive->path, &status) < 0 && errno == ENOENT) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                          "the image %s does not exist", drive->path);
        return maqet_error_next(err, MAQET_NEXT_START_TO_MAKE_IMAGE,
                                drive->machine->vm_name, NULL);
    }
    if (lstat(drive->path, &status) < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot inspect %s: %s", drive->path, strerror(errno));
    if (S_ISREG(status.st_mode))
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED, "%s is %s", drive->path,
                      S_ISLNK(status.st_mode) ? "a link, and not the image itself"
                                              : "not a regular file");
    if (S_ISLNK(status.st_mode))
        maqet_error_hint(err, "Name the image itself as the drive's `%s`",
                         drive->storage->plugin.path_option);
    return -1;
}

const struct maqet_drive *
maqet_relocation_find(struct maqet_opened *machine, const char *name,
                      enum maqet_drive_fault least, struct maqet_error **err)
{
    const struct maqet_vm *vm = machine->vm;
    const struct maqet_drive *drive = maqet_vm_find_drive(vm, name, err);

    if (!drive || !maqet_entries_find_own(vm->definition, drive, err) ||
        maqet_drive_check_fault(drive, least, err) < 0 || check_file(drive, err) < 0)
        return NULL;
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *other = vm->drives[i];

        for (size_t j = 0; other != drive && j < other->chain.count; j++)
            if (other->chain.nodes[j].file &&
                maqet_file_is_same(other->chain.nodes[j].file, drive->path)) {
                maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                                  "the drive '%s' of the same VM uses its image, too",
                                  other->name);
                return NULL;
            }
    }
    return drive;
}

/* ---- others ---- */

/* The machine in another data folder that uses an image, as a phrase. The caller frees. */
static char *
user_elsewhere(const struct maqet_context *context, const char *path)
{
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;
    bool known;

    maqet_owner_other_folders(context, path, false, &folders);
    for (size_t i = 0; i < folders.count; i++) {
        struct maqet_context other = *context;

        other.data_dir = folders.items[i];
        _cleanup_free_ char *user = maqet_image_user(&other, NULL, path, &known);
        if (user)
            return maqet_format("%s (in %s)", user, other.data_dir);
    }
    return NULL;
}

char *
maqet_relocation_need(const struct maqet_opened *machine, const char *path)
{
    const struct maqet_context *context = machine->context;
    bool known;
    char *need = maqet_image_user(context, machine->name, path, &known);

    if (!need)
        need = user_elsewhere(context, path);
    if (need)
        return need;
    _cleanup_free_ char *dependent = maqet_bases_dependent(context, path, NULL);
    return dependent ? maqet_format("it is the backing file of %s", dependent) : NULL;
}

static int
check_need(const struct maqet_opened *machine, const struct maqet_drive *drive,
           const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *need = maqet_relocation_need(machine, path);

    return need ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                                    "%s has to stay where it is: %s", path, need)
                : 0;
}

int
maqet_relocation_check_needs(const struct maqet_opened *machine,
                             const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    if (check_need(machine, drive, drive->path, err) < 0)
        return -1;
    for (size_t i = 1; overlays && i < overlays->count; i++)
        if (check_need(machine, drive, overlays->nodes[i].file.file, err) < 0)
            return -1;
    if (machine->run.pid > 0)
        return 0;
    for (size_t i = 1; overlays && i < overlays->count; i++) {
        const char *path = overlays->nodes[i].file.file;

        if (maqet_file_users_locked(path))
            return maqet_holders_error(machine->vm, path, path, err);
    }
    return maqet_holders_check(machine->vm, drive, err) < 0
               ? -1
               : maqet_vm_check_drive(machine->vm, drive, err);
}

int
maqet_relocation_check_stored(const struct maqet_opened *machine,
                              const struct maqet_drive *drive, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_open(machine->context, machine->name, err);
    if (!vm)
        return -1;
    const struct maqet_drive *stored = maqet_vm_find_drive(vm, drive->name, NULL);
    if (stored && stored->path && strcmp(stored->path, drive->path) == 0 &&
        strcmp(stored->storage->plugin.name, drive->storage->plugin.name) == 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "the stored definition %s, so the next start would not use the new "
                      "image",
                      stored ? "has another image for it" : "does not have it");
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

/* ---- snapshots ---- */

int
maqet_relocation_check_no_snapshots(const struct maqet_drive *drive, const char *why,
                                    enum maqet_next next, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (drive->overlays ? drive->overlays->count == 1 : !maqet_drive_has_snapshots(drive))
        return 0;
    if (maqet_drive_snapshots_read(drive, &snapshots, err) < 0)
        return -1;
    if (snapshots.count == 0 && !drive->overlays)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE, "it has %s%s%s, %s",
                      snapshots.count > 0 ? "the snapshot '" : "overlays",
                      snapshots.count > 0 ? snapshots.items[0]->name : "",
                      snapshots.count > 0 ? "'" : "", why);
    return maqet_error_next(err, next, drive->machine->vm_name, drive->name, NULL);
}

/* ---- the new place ---- */

int
maqet_relocation_check_free(const struct maqet_drive *drive, const char *path,
                            struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_overlays_folder(path);
    const char *taken[] = {path, folder};

    for (size_t i = 0; i < 2; i++) {
        struct stat status;

        if (lstat(taken[i], &status) < 0 && errno == ENOENT)
            continue;
        if (lstat(taken[i], &status) < 0)
            return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                     "cannot inspect %s: %s", taken[i], strerror(errno));
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                                 "%s exists already, and is not replaced", taken[i]);
    }
    return 0;
}
