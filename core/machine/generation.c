/* SPDX-License-Identifier: MIT */
#include "core/machine/generation.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/config/options.h"
#include "core/machine/store.h"
#include "core/qemu/arguments.h"

/* A UUID and a line feed, in bytes. */
enum { FILE_LIMIT = 64 };

/* ---- whether there is one ---- */

/* Whether a versioned machine type is of 2.4 or earlier, whose firmware cannot tell QEMU where
 * the guest's memory has it (QEMU: hw/core/machine.c, hw_compat_2_4). */
static bool
is_too_old(const char *type)
{
    const char *version = strrchr(type, '-');
    char *rest;

    if (!version)
        return false;
    unsigned long major = strtoul(version + 1, &rest, 10);
    if (rest == version + 1 || *rest != '.')
        return false;
    return major < 2 || (major == 2 && strtoul(rest + 1, NULL, 10) < 5);
}

static bool
arguments_have_it(const struct maqet_vm *vm)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_arguments_render(maqet_vm_arguments(vm), &argv);
    for (size_t i = 0; i < argv.count; i++)
        if (strstr(argv.items[i], MAQET_GENERATION_DEVICE))
            return true;
    return false;
}

bool
maqet_vm_has_generation(const struct maqet_vm *vm)
{
    const char *text = maqet_tree_text(vm->definition->tree, "generation_id");
    bool on = vm->definition->defaults > 1 && maqet_vm_has_own_devices(vm) &&
              maqet_vm_arch_is_pc(vm->machine.arch) && !is_too_old(vm->machine.type);

    if (text)
        maqet_parse_bool(text, &on);
    return on && !arguments_have_it(vm);
}

/* ---- which one ---- */

char *
maqet_generation_of(const struct maqet_vm *vm)
{
    _cleanup_free_ char *path =
        maqet_store_file(vm->context, vm->definition->name, MAQET_STORE_GENERATION);
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(path, FILE_LIMIT, &text, NULL, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (maqet_text_is_uuid(text))
            return TAKE_PTR(text);
    }
    return maqet_strdup(vm->definition->uuid);
}

int
maqet_generation_renew(const struct maqet_context *context, const char *name,
                       struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_GENERATION);
    _cleanup_free_ char *uuid = maqet_definition_new_uuid(err);

    if (!uuid)
        return -1;
    _cleanup_free_ char *text = maqet_format("%s\n", uuid);
    return maqet_file_replace(path, text, strlen(text), 0600, err);
}
