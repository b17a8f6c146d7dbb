/* SPDX-License-Identifier: MIT */
#include "core/vm/arguments.h"

#include <string.h>

#include "core/qemu/arguments.h"
#include "core/qemu/qemu_options.h"
#include "core/vm/argument_files.h"
#include "core/vm/sandbox.h"

static json_object *
arguments_of(const struct maqet_vm *vm)
{
    json_object *arguments = NULL;

    json_object_object_get_ex(vm->definition->tree, "arguments", &arguments);
    return arguments;
}

/* Whether QEMU may run no other program. */
static bool
is_sandboxed(const struct maqet_vm *vm)
{
    _cleanup_sandbox_ struct maqet_sandbox sandbox = {0};

    if (maqet_arguments_has(arguments_of(vm), "sandbox")) {
        _cleanup_free_ char *spawn =
            maqet_arguments_property(arguments_of(vm), "sandbox", "enable", "spawn");

        return spawn && strcmp(spawn, "deny") == 0;
    }
    maqet_sandbox_read(vm->definition->tree, &sandbox);
    return sandbox.seccomp;
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

    return maqet_arguments_judge(arguments_of(vm), &manner, err) < 0
               ? -1
               : maqet_argument_files_check(vm, err);
}

void
maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached)
{
    const struct maqet_qemu_manner manner = manner_of(vm, detached);
    _cleanup_strings_ struct maqet_strings warnings = MAQET_STRINGS_INIT;

    maqet_arguments_warnings(arguments_of(vm), &manner, &warnings);
    for (size_t i = 0; i < warnings.count; i++)
        maqet_context_say(vm->context, MAQET_LEVEL_WARNING, "%s", warnings.items[i]);
}
