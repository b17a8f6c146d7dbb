/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/addable.h"

#include <string.h>

#include "core/machine/arguments.h"
#include "core/machine/check.h"
#include "core/machine/command_line.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/image.h"

/* Default paths are made of names that may hold '-', so "x-y" + "z" meets "x" + "y-z". */
static int
check_default_path(const struct maqet_vm *vm, const struct maqet_drive *drive,
                   const char *other_name, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *other = maqet_vm_open(vm->context, other_name, NULL);

    for (size_t i = 0; other && i < other->drive_count; i++) {
        const char *path = other->drives[i]->path;

        if (!path || strcmp(path, drive->path) != 0)
            continue;
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                          "without a `file` its image would be %s, which VM '%s' "
                          "already uses",
                          drive->path, other_name);
        maqet_error_hint(err, "Give the drive a `file`");
        return -1;
    }
    return 0;
}

static int
check_default_paths(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_store_list(vm->context, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        for (size_t j = 0; drive->default_path && j < names.count; j++) {
            _cleanup_free_ char *start = maqet_format("/maqet-%s-", names.items[j]);

            /* Only a name that fits is worth a look at its machine. */
            if (strcmp(names.items[j], vm->definition->name) != 0 &&
                maqet_text_starts(strrchr(drive->path, '/'), start) &&
                check_default_path(vm, drive, names.items[j], err) < 0)
                return -1;
        }
    }
    return 0;
}

/* QEMU locks an image that a drive writes, so a second drive on it could never start. */
static int
check_shared_image(const struct maqet_drive *one, const struct maqet_drive *other,
                   struct maqet_error **err)
{
    if (maqet_drive_readonly(one) && maqet_drive_readonly(other))
        return 0;
    return maqet_drive_error(other, other->storage->plugin.path_option, err,
                             MAQET_ERROR_INVALID,
                             "its image %s is already used by the drive '%s', and one "
                             "of them writes",
                             other->path, one->name);
}

static int
check_shared_images(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_json_ json_object *first = json_object_new_object(); /* drive, by its path */
    json_object *index;

    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (!drive->path)
            continue;
        if (!json_object_object_get_ex(first, drive->path, &index))
            json_object_object_add(first, drive->path, json_object_new_uint64(i));
        else if (check_shared_image(vm->drives[json_object_get_uint64(index)], drive,
                                    err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_vm_check(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    if (check_shared_images(vm, err) < 0 || check_default_paths(vm, err) < 0 ||
        maqet_vm_arguments_check(vm, false, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_image_check(vm->drives[i], err) < 0)
            return -1;
    return maqet_vm_check_drives(vm, err) < 0 ? -1
                                              : maqet_vm_command_line(vm, &argv, err);
}
