/* SPDX-License-Identifier: MIT */
/*
 * check_nodes.c - names of nodes, and addresses of devices.
 */
#include <string.h>

#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/made_up.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/slots.h"
#include "core/storage/snapshots.h"

/* ---- the name of the node ---- */

static const char node_name[] = "maqet-check.7";

static const char node_hint[] =
    "Ask for it with maqet_drive_node(): it need not be the drive's name";

/* Whether a text is the value of any property. */
static bool
has_value(json_object *json, const char *text)
{
    if (json_object_is_type(json, json_type_string))
        return strcmp(json_object_get_string(json), text) == 0;
    if (json_object_is_type(json, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(json); i++)
            if (has_value(json_object_array_get_idx(json, i), text))
                return true;
    } else if (json_object_is_type(json, json_type_object)) {
        json_object_object_foreach(json, key, value)
        {
            (void)key;
            if (has_value(value, text))
                return true;
        }
    }
    return false;
}

/* The nodes of a storage: one has the name, and those of others begin with it. */
static int
check_node_names(const struct maqet_args *args, struct maqet_error **err)
{
    _cleanup_free_ char *prefix = maqet_format("%s-", node_name);
    bool found = false;

    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *object = args->objects[i];

        if (object->kind != &maqet_kind_blockdev)
            continue;
        if (strcmp(object->id, node_name) == 0)
            found = true;
        else if (!maqet_text_starts(object->id, prefix) &&
                 !maqet_text_starts(object->id, "maqet-")) /* maqet_drive_child_node() */
            return bench_fail(
                err, node_hint,
                "for a drive with the node-name '%s', it emits the node '%s'", node_name,
                object->id);
    }
    return found
               ? 0
               : bench_fail(err, node_hint,
                            "for a drive with the node-name '%s', it emits no such node",
                            node_name);
}

/* Actions of a live callback name the node. */
static int
check_actions(int result, const struct maqet_actions *actions, const char *callback,
              struct maqet_error **err)
{
    _cleanup_json_ json_object *json =
        result == 0 ? maqet_actions_transaction(actions) : NULL;

    return result < 0 || has_value(json, node_name)
               ? 0
               : bench_fail(err, node_hint,
                            "%s appends actions that do not name the node '%s' of the "
                            "drive",
                            callback, node_name);
}

static int
check_live_callbacks(struct bench *bench, struct maqet_error **err)
{
    static const struct maqet_snapshot some = {.id = (char *)"7", .name = (char *)"some"};
    const struct maqet_drive *drive = bench->drive;
    const struct maqet_snapshot_table *table = &bench->storage->snapshot;
    _cleanup_actions_ struct maqet_actions *create = maqet_actions_new();
    _cleanup_actions_ struct maqet_actions *delete = maqet_actions_new();
    _cleanup_actions_ struct maqet_actions *resize = maqet_actions_new();

    if (table->live_create &&
        check_actions(maqet_storage_live_create(drive, "some", create, NULL), create,
                      "live_create", err) < 0)
        return -1;
    if (table->live_remove &&
        check_actions(maqet_storage_live_remove(drive, &some, delete, NULL), delete,
                      "live_remove", err) < 0)
        return -1;
    return bench->storage->plugin.live_resize
               ? check_actions(
                     maqet_storage_live_resize(drive, 2 * BENCH_SIZE, resize, NULL),
                     resize, "live_resize", err)
               : 0;
}

/* The device of an interface shows the node. */
static int
check_device(struct bench *bench, const struct maqet_args *args, struct maqet_error **err)
{
    for (size_t i = 0; i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_device &&
            strcmp(args->objects[i]->id, bench->drive->name) == 0 &&
            has_value(args->objects[i]->json, node_name))
            return 0;
    return bench_fail(err, node_hint,
                      "the device does not name the node '%s' of the drive", node_name);
}

static int
check_node(struct bench *bench, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_drive *drive = bench->drive;

    if (!bench->storage->plugin.interface)
        return bench_skip(bench, "its drives have no block node");
    free(drive->chain.nodes[0].name);
    drive->chain.nodes[0].name = maqet_strdup(node_name);
    if (maqet_drives_emit(&drive, 1, NULL, args, NULL, err) < 0)
        return -1;
    if (bench->is_iface)
        return check_device(bench, args, err);
    return check_node_names(args, err) < 0 ? -1 : check_live_callbacks(bench, err);
}

/* ---- addresses on the PCI bus ---- */

static bool
is_pci(json_object *types, const char *driver)
{
    for (size_t i = 0; i < json_object_array_length(types); i++)
        if (strcmp(maqet_json_text(json_object_array_get_idx(types, i), "name"),
                   driver) == 0)
            return true;
    return false;
}

/* How many devices there are without a bus: on the PCI bus, and others. */
struct devices {
    unsigned pci, others;
    char *first; /* the driver of the first of the others, or of the first on the bus */
};

static void
count_devices(const struct maqet_args *args, json_object *types, struct devices *devices)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *object = args->objects[i];
        const char *driver = maqet_json_text(object->json, "driver");

        if (object->kind != &maqet_kind_device || !driver ||
            json_object_object_get_ex(object->json, "bus", NULL) ||
            json_object_object_get_ex(object->json, "addr", NULL))
            continue;
        bool pci = is_pci(types, driver);
        devices->pci += pci;
        devices->others += !pci;
        if (!devices->first)
            devices->first = maqet_strdup(driver);
    }
}

/* Appends what the plugin emits on a machine type: an interface's devices and one
 * controller, and a storage's own objects. */
static int
emit_on(struct bench *bench, const char *type, struct maqet_args *args,
        struct maqet_error **err)
{
    struct maqet_machine machine = bench->machine;
    struct maqet_drive *drive = bench->drive;
    struct maqet_capacity capacity = {0};
    int result;

    machine.type = (char *)type;
    drive->machine = &machine;
    if (!bench->is_iface) {
        result = maqet_storage_emit_args(drive, args, err);
    } else {
        result = MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, capacity, &capacity);
        uint64_t places =
            capacity.builtin + (uint64_t)capacity.controllers * capacity.per_controller;
        if (result == 0 && places > 0)
            result = maqet_drives_emit(&drive, 1, NULL, args, NULL, err);
        if (result == 0 && capacity.controllers > 0 && capacity.builtin > 0 &&
            bench->iface->plugin.emit_controller)
            result = MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, emit_controller,
                                      "maqet-check-0", args);
    }
    drive->machine = &bench->machine;
    return result;
}

static int
judge_devices(const struct bench *bench, const struct devices *devices,
              struct maqet_error **err)
{
    const char *flag = bench->is_iface ? "MAQET_IFACE_PCI" : "MAQET_STORAGE_PCI";
    bool declared = bench->is_iface ? bench->iface->plugin.flags & MAQET_IFACE_PCI
                                    : bench->storage->plugin.flags & MAQET_STORAGE_PCI;
    const char *first = devices->first ? devices->first : "";

    if (devices->pci > 0 && !declared)
        return bench_fail(err,
                          "Declare it: otherwise the guest finds its other drives at "
                          "different addresses when one is removed",
                          "it emits a device that takes an address of the PCI bus (%s), "
                          "and does not declare %s",
                          first, flag);
    if (declared && (devices->others > 0 || devices->pci == 0))
        return bench_fail(err, "Do not declare it, or give the other devices a \"bus\"",
                          "it declares %s, and emits %s%s", flag,
                          devices->others > 0
                              ? "a device without a bus that is not on the "
                                "PCI bus: "
                              : "no device that takes an address there",
                          devices->others > 0 ? first : "");
    return 0;
}

static int
check_pci(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    _cleanup_json_ json_object *types = machine ? machine_pci_types(machine, err) : NULL;
    struct devices devices = {0};
    const char *type;
    int result = types ? 0 : -1;

    for (unsigned i = 0; result == 0 && (type = machine_type(bench, i)); i++) {
        _cleanup_args_ struct maqet_args *args = maqet_args_new();

        result = emit_on(bench, type, args, err);
        if (result == 0)
            count_devices(args, types, &devices);
    }
    if (result == 0)
        result = judge_devices(bench, &devices, err);
    free(devices.first);
    return result;
}

const struct check checks_of_nodes[] = {
    {"node", OF_BOTH, NEEDS_DRIVE, 30, check_node,
     "The node-name of a drive may be another one than its name"},
    {"pci", OF_BOTH, NEEDS_DRIVE | NEEDS_THERE | NEEDS_QEMU, 60, check_pci,
     "MAQET_IFACE_PCI or MAQET_STORAGE_PCI is declared exactly if a device takes an address "
     "of the PCI bus"},
    {0},
};
