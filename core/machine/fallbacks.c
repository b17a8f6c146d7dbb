/* SPDX-License-Identifier: MIT */
#include "core/machine/fallbacks.h"

#include <string.h>

#include "core/machine/command_line.h"
#include "core/machine/devices.h"
#include "core/machine/keys.h"
#include "core/qemu/arguments.h"

/* ---- the top level ---- */

static const char *
binary_of(const struct maqet_vm *vm)
{
    return vm->program;
}

static const char *
accel_of(const struct maqet_vm *vm)
{
    return maqet_arguments_say_accel(maqet_vm_arguments(vm)) ? NULL
           : vm->context->accel                              ? vm->context->accel
                                                             : "auto";
}

static const char *
storage_dir_of(const struct maqet_vm *vm)
{
    return vm->machine.storage_dir;
}

static const char *
agent_of(const struct maqet_vm *vm)
{
    return maqet_vm_has_agent(vm) ? "on" : "off";
}

/* The value that QEMU uses (qemu(1), -m). */
static const char *
memory_of(const struct maqet_vm *vm)
{
    return maqet_arguments_has(maqet_vm_arguments(vm), "m") ? NULL : "128M";
}

static const char *
type_of(const struct maqet_vm *vm)
{
    const char *type = vm->machine.type;

    return maqet_arguments_has(maqet_vm_arguments(vm), "machine") || !type || !*type
               ? NULL
               : type;
}

static const char *
vcpus_of(const struct maqet_vm *vm)
{
    return maqet_arguments_has(maqet_vm_arguments(vm), "smp") ||
                   maqet_keys_vcpus(vm->definition->tree) > 0
               ? NULL
               : "1";
}

static const char *
cpu_of(const struct maqet_vm *vm)
{
    return maqet_vm_default_cpu(vm);
}

/* NULL: QEMU's own default, or that of `arguments`. */
static const char *
network_of(const struct maqet_vm *vm)
{
    _cleanup_network_ struct maqet_network network = {0};

    return maqet_devices_have_network(vm, &network)
               ? maqet_network_type_name(network.type)
               : NULL;
}

static const char *
sandbox_of(const struct maqet_vm *vm)
{
    (void)vm;
    return "on";
}

static const struct {
    const char *key;
    const char *(*value)(const struct maqet_vm *vm); /* NULL: there is none */
} top_level[] = {
    {"binary", binary_of},           {"accel", accel_of},       {"machine", type_of},
    {"memory", memory_of},           {"vcpus", vcpus_of},       {"cpu", cpu_of},
    {"network", network_of},         {"guest_agent", agent_of}, {"sandbox", sandbox_of},
    {"storage_dir", storage_dir_of},
};

static void
add_top_level(struct maqet_listing *listing, const struct maqet_vm *vm)
{
    json_object *tree = vm->definition->tree;

    for (size_t i = 0; i < sizeof(top_level) / sizeof(*top_level); i++) {
        const char *key = top_level[i].key;
        const char *value =
            json_object_object_get(tree, key) ? NULL : top_level[i].value(vm);

        if (value)
            maqet_listing_add_default(listing, key, value);
    }
}

/* ---- drives ---- */

static void
add_key(struct maqet_listing *listing, const struct maqet_drive *drive, const char *key,
        const char *value)
{
    _cleanup_free_ char *name = maqet_format("storage.%s.%s", drive->name, key);

    if (!maqet_listing_find(listing, name))
        maqet_listing_add_default(listing, name, value);
}

/* The options with a fallback that nobody has written, in whatever form. */
static void
add_options(struct maqet_listing *listing, const struct maqet_drive *drive)
{
    for (size_t whose = 0; whose < MAQET_WHOSE_COUNT; whose++) {
        const struct maqet_values *values = &drive->options[whose].values;

        for (size_t i = 0; i < values->count; i++) {
            const struct maqet_value *value = &values->items[i];

            if (!value->written && value->text)
                add_key(listing, drive, value->name, value->text);
        }
    }
}

void
maqet_fallbacks_add(struct maqet_listing *listing, const struct maqet_vm *vm)
{
    add_top_level(listing, vm);
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        /* Of one whose plugins are not known, nothing is. */
        if (drive->fault_of == MAQET_FAULT_ENTRY)
            continue;
        add_key(listing, drive, "type", drive->storage->plugin.name);
        if (drive->iface)
            add_key(listing, drive, "interface", drive->iface->plugin.name);
        if (drive->default_path)
            add_key(listing, drive, drive->storage->plugin.path_option, drive->path);
        add_options(listing, drive);
    }
}
