/* SPDX-License-Identifier: MIT */
#include "core/machine/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/command_line.h"
#include "core/machine/firmware.h"
#include "core/machine/keys.h"
#include "core/machine/monitor.h"
#include "core/qemu/arguments.h"

/* ms for all answers together: nobody waits longer to see a state. */
static const int64_t ANSWER_LIMIT = 1000;

const struct maqet_fields maqet_other_drive_fields = MAQET_FIELDS_OF(
    struct maqet_other_drive,
    MAQET_ROW(struct maqet_other_drive, name, "QEMU's name for it"),
    MAQET_ROW(struct maqet_other_drive, format, "the driver of its top block node",
              .optional = true),
    MAQET_ROW(struct maqet_other_drive, file, "its image", .optional = true),
    MAQET_ROW(struct maqet_other_drive, readonly, "whether the guest cannot write to it"),
    MAQET_ROW(struct maqet_other_drive, virtual_size, "what the guest sees",
              .unit = MAQET_UNIT_BYTES, .title = "SIZE"));

void
maqet_inventory_clear(struct maqet_inventory *inventory)
{
    free(inventory->machine);
    maqet_strings_clear(&inventory->drives);
    maqet_fields_list_free(&maqet_other_drive_fields, inventory->others,
                           inventory->other_count);
    *inventory = (struct maqet_inventory){0};
}

/* ---- of a machine that does not run ---- */

/* By `arguments`, or by the key; QEMU's default is one. */
static uint32_t
vcpus_of(const struct maqet_vm *vm)
{
    _cleanup_free_ char *argument =
        maqet_arguments_property(maqet_vm_arguments(vm), "smp", "cpus", "cpus");
    unsigned number = maqet_keys_vcpus(vm->definition->tree);

    if (argument)
        return (uint32_t)strtoul(argument, NULL, 10);
    /* Another property may imply a number. */
    if (maqet_arguments_has(maqet_vm_arguments(vm), "smp"))
        return 0;
    return number > 0 ? number : 1;
}

void
maqet_inventory_expect(const struct maqet_vm *vm, struct maqet_inventory *inventory)
{
    const char *type = vm->machine.type;

    inventory->machine = maqet_strdup(type && *type ? type : NULL);
    inventory->memory = maqet_vm_memory(vm);
    inventory->vcpus = vcpus_of(vm);
}

/* ---- drives ---- */

/* The ID of a device, from its path in QEMU's tree: "/machine/peripheral/hdd/..."
 * or, if it has no ID, NULL. The caller frees. */
static char *
id_of_path(const char *path)
{
    static const char peripheral[] = "/machine/peripheral/";

    if (!path || !maqet_text_starts(path, peripheral))
        return path && *path && *path != '/' ? maqet_strdup(path) : NULL;
    path += strlen(peripheral);
    return maqet_strndup(path, strcspn(path, "/"));
}

static const struct maqet_drive *
find_drive(const struct maqet_vm *vm, const char *id, const char *node)
{
    const struct maqet_drive *drive = node ? maqet_vm_find_node(vm, node) : NULL;

    for (size_t i = 0; !drive && id && i < vm->drive_count; i++)
        if (strcmp(vm->drives[i]->name, id) == 0)
            drive = vm->drives[i];
    return drive;
}

/* Adds a device of query-block (QEMU: qapi/block-core.json). */
static void
add_device(const struct maqet_vm *vm, json_object *device,
           struct maqet_inventory *inventory)
{
    json_object *inserted = json_object_object_get(device, "inserted");
    json_object *image = json_object_object_get(inserted, "image");
    const char *node = maqet_json_text(inserted, "node-name");
    const char *name = maqet_json_text(device, "device");
    _cleanup_free_ char *id = id_of_path(maqet_json_text(device, "qdev"));
    const struct maqet_drive *drive = find_drive(vm, id, node);

    if (drive && !maqet_strings_has(&inventory->drives, drive->name))
        maqet_strings_add(&inventory->drives, drive->name);
    /* The code of UEFI is maqet's own, as its variables are. */
    if (drive || !inserted || (node && strcmp(node, MAQET_FIRMWARE_CODE) == 0))
        return;
    if (!name || !*name)
        name = id ? id : node ? node : "unnamed";
    *MAQET_APPEND(inventory->others, inventory->other_count) = (struct maqet_other_drive){
        .name = maqet_strdup(name),
        .format = maqet_strdup(maqet_json_text(inserted, "drv")),
        .file = maqet_strdup(maqet_json_text(inserted, "file")),
        .readonly = json_object_get_boolean(json_object_object_get(inserted, "ro")),
        .virtual_size = (uint64_t)maqet_json_int(image, "virtual-size"),
    };
}

static int
read_drives(struct maqet_opened *machine, const struct maqet_vm *vm,
            struct maqet_inventory *inventory, struct maqet_error **err)
{
    _cleanup_json_ json_object *devices =
        maqet_monitor_ask(machine, "query-block", NULL, err);

    if (!devices)
        return -1;
    inventory->has_drives = true;
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        add_device(vm, json_object_array_get_idx(devices, i), inventory);
    return 0;
}

/* ---- the machine ---- */

/* "pc-q35-7.2" for the type "pc-q35-7.2-machine" of QEMU's object. */
static int
read_machine(struct maqet_opened *machine, struct maqet_inventory *inventory,
             struct maqet_error **err)
{
    static const char suffix[] = "-machine";
    _cleanup_json_ json_object *type = maqet_monitor_ask(
        machine, "qom-get",
        maqet_json_object("path", json_object_new_string("/machine"), "property",
                          json_object_new_string("type"), NULL),
        err);

    if (!type)
        return -1;
    const char *text = json_object_get_string(type);
    size_t length = strlen(text);
    if (maqet_text_ends(text, suffix))
        length -= strlen(suffix);
    inventory->machine = maqet_strndup(text, length);
    return 0;
}

static int
read_memory(struct maqet_opened *machine, struct maqet_inventory *inventory,
            struct maqet_error **err)
{
    _cleanup_json_ json_object *sizes =
        maqet_monitor_ask(machine, "query-memory-size-summary", NULL, err);

    if (!sizes)
        return -1;
    inventory->memory = (uint64_t)(maqet_json_int(sizes, "base-memory") +
                                   maqet_json_int(sizes, "plugged-memory"));
    return 0;
}

static int
read_vcpus(struct maqet_opened *machine, struct maqet_inventory *inventory,
           struct maqet_error **err)
{
    _cleanup_json_ json_object *cpus =
        maqet_monitor_ask(machine, "query-cpus-fast", NULL, err);

    if (!cpus)
        return -1;
    inventory->vcpus = (uint32_t)json_object_array_length(cpus);
    return 0;
}

int
maqet_inventory_read(struct maqet_opened *machine, const struct maqet_vm *vm,
                     struct maqet_inventory *inventory, struct maqet_error **err)
{
    machine->answer_limit = machine->answer_left = ANSWER_LIMIT;
    return read_machine(machine, inventory, err) < 0 ||
                   read_memory(machine, inventory, err) < 0 ||
                   read_vcpus(machine, inventory, err) < 0 ||
                   read_drives(machine, vm, inventory, err) < 0
               ? -1
               : 0;
}
