/* SPDX-License-Identifier: MIT */
#include "core/machine/serial.h"

#include <string.h>

#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"
#include "core/qemu/launch.h"
#include "core/qemu/objects.h"

/* The option of the user's arguments that decides where the first serial port goes, as in
 * QEMU (default_list and qemu_create_default_devices in softmmu/vl.c); NULL: none does. */
static const char *
taken_by(const struct maqet_vm *vm)
{
    json_object *list = maqet_vm_arguments(vm);
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    if (maqet_arguments_has(list, "serial"))
        return "-serial";
    for (size_t i = 0; i < arguments.count; i++)
        if (maqet_argument_is(&arguments.items[i], "device") &&
            maqet_keyval_is_of(arguments.items[i].value, "driver", "isa-serial"))
            return "-device isa-serial";
    return maqet_arguments_has(list, "nographic") ? "-nographic" : NULL;
}

/* The key's value, or the default; "": QEMU's own default. */
static const char *
wanted(const struct maqet_vm *vm)
{
    const char *key = maqet_tree_text(vm->definition->tree, "serial");

    return key ? key : vm->definition->defaults > 0 ? "console" : "";
}

bool
maqet_serial_is_kept(const struct maqet_vm *vm)
{
    return strcmp(wanted(vm), "console") == 0 && !taken_by(vm);
}

void
maqet_serial_add(const struct maqet_vm *vm, struct maqet_args *args)
{
    const char *option = taken_by(vm);

    if (option && maqet_tree_text(vm->definition->tree, "serial"))
        maqet_vm_say_ignored(vm, "serial", option);
    /* With -nodefaults, QEMU leaves out what -nographic includes. */
    if (option && strcmp(option, "-nographic") == 0 && maqet_vm_has_own_devices(vm))
        maqet_args_option(args, "-serial", "mon:stdio");
    if (option)
        return;
    if (strcmp(wanted(vm), "none") == 0)
        maqet_args_option(args, "-serial", "none");
    if (!maqet_serial_is_kept(vm))
        return;
    maqet_props_int(maqet_args_chardev(args, "socket", "maqet-console"), "fd",
                    maqet_descriptor_number(MAQET_DESCRIPTOR_CONSOLE));
    maqet_args_option(args, "-serial", "chardev:maqet-console");
}
