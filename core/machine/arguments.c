/* SPDX-License-Identifier: MIT */
#include "core/machine/arguments.h"

#include <string.h>

#include "core/machine/argument_files.h"
#include "core/machine/sandbox.h"
#include "core/qemu/argument_list.h"
#include "core/qemu/arguments.h"
#include "core/qemu/argument_check.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"
#include "core/qemu/written.h"
#include "core/storage/system_folders.h"

/* Whether QEMU may run no other program. */
static bool
is_sandboxed(const struct maqet_vm *vm)
{
    _cleanup_sandbox_ struct maqet_sandbox sandbox = {0};

    if (maqet_arguments_has(maqet_vm_arguments(vm), "sandbox")) {
        _cleanup_free_ char *spawn = maqet_arguments_property(
            maqet_vm_arguments(vm), "sandbox", "enable", "spawn");

        return spawn && strcmp(spawn, "deny") == 0;
    }
    maqet_sandbox_read(vm->definition->tree, &sandbox);
    return sandbox.seccomp;
}

static int
error_system(const struct maqet_vm *vm, struct maqet_place place, const char *option,
             const char *path, const char *folder, struct maqet_error **err)
{
    maqet_place_error(place, err, MAQET_ERROR_PERMISSION,
                      "-%s of VM '%s': the guest could write to %s, a system folder "
                      "of the host, through %s; this is refused",
                      option, vm->definition->name, folder, path);
    maqet_error_hint(err, "Say readonly=on, or share another folder");
    maqet_error_hint(err, "If the guest is meant to write there, make it a share in "
                          "`storage` with `allow_system: on`");
    return -1;
}

/* Folders that are given to the guest by arguments; there is no place for a key there. */
static int
check_folders(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *base = maqet_tree_place(vm->definition->tree).folder;
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(maqet_vm_arguments(vm));
    _cleanup_written_files_ struct maqet_written_files files = {0};

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        const char *like = maqet_qemu_option_find(argument->name)->like;
        _cleanup_free_ char *written = maqet_argument_property(argument, "path");

        if (strcmp(like ? like : argument->name, "fsdev") != 0 || !written ||
            maqet_argument_is_on(argument, "readonly"))
            continue;
        _cleanup_free_ char *path = maqet_qemu_path(written, base);
        const char *folder = maqet_system_folder(path);
        if (folder)
            return error_system(vm, argument->place, argument->name, path, folder, err);
    }
    maqet_arguments_written(maqet_vm_arguments(vm), base, &files);
    for (size_t i = 0; i < files.count; i++) {
        const struct maqet_written *file = &files.items[i];
        const char *folder =
            file->kind == MAQET_WRITTEN_FOLDER ? maqet_system_folder(file->path) : NULL;

        if (folder)
            return error_system(vm, file->place, file->option, file->path, folder, err);
    }
    return 0;
}

static struct maqet_qemu_manner
manner_of(const struct maqet_vm *vm, bool detached)
{
    return (struct maqet_qemu_manner){.sandboxed = is_sandboxed(vm),
                                      .detached = detached};
}

int
maqet_vm_arguments_check(const struct maqet_vm *vm, bool detached,
                         struct maqet_error **err)
{
    const struct maqet_qemu_manner manner = manner_of(vm, detached);

    return maqet_arguments_check_allowed(maqet_vm_arguments(vm), &manner, err) < 0 ||
                   check_folders(vm, err) < 0
               ? -1
               : maqet_argument_files_check(vm, err);
}

void
maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached)
{
    const struct maqet_qemu_manner manner = manner_of(vm, detached);

    maqet_arguments_warn(maqet_vm_arguments(vm), &manner, vm->context);
}
