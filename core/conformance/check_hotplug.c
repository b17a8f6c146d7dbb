/* SPDX-License-Identifier: MIT */
/*
 * check_hotplug.c - adding a drive's objects to a QEMU that runs, in the order in which
 * they were emitted, and taking them away again.
 */

#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/qemu/hotplug.h"
#include "core/storage/slots.h"

/* ms that QEMU may take for an answer, and a device to go. */
static const int64_t UNPLUG_TIMEOUT = 10000;

static bool
declared(const struct bench *bench)
{
    return bench->is_iface ? bench->iface->plugin.flags & MAQET_IFACE_HOTPLUG
                           : bench->storage->plugin.flags & MAQET_STORAGE_HOTPLUG;
}

static const char *
flag_name(const struct bench *bench)
{
    return bench->is_iface ? "MAQET_IFACE_HOTPLUG" : "MAQET_STORAGE_HOTPLUG";
}

/* What a drive that is plugged into a machine with one drive adds to it, as commands. The
 * args are what they refer to. */
static int
render_second(struct bench *bench, struct machine *machine, struct maqet_drive *second,
              struct maqet_args *both, struct maqet_monitor_commands *commands,
              struct maqet_error **err)
{
    struct maqet_drive *drives[] = {machine->vm->drives[0], second};
    _cleanup_args_ struct maqet_args *one = maqet_args_new();

    bench_doing(bench, "emit_args or emit_device");
    if (maqet_drives_emit(drives, 1, NULL, one, err) < 0 ||
        maqet_drives_emit(drives, 2, NULL, both, err) < 0)
        return -1;
    if (maqet_args_render_commands(both, one->count, commands, err) == 0)
        return 0;
    maqet_error_hint(err, "Don't declare hot-plug");
    return -1;
}

/* Twice, since what was left behind is in the way of the second time. */
static int
plug_twice(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    const struct maqet_hotplug hotplug = {
        .qmp = machine->qmp, .timeout = UNPLUG_TIMEOUT, .resets = true};
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_monitor_commands_ struct maqet_monitor_commands commands = {0};
    _cleanup_drive_ struct maqet_drive *second =
        bench_drive(bench, "second", NULL, 0, err);

    if (!second || bench_prepare(bench, second, err) < 0 ||
        render_second(bench, machine, second, args, &commands, err) < 0)
        return -1;
    bench_doing(bench, "adding it to QEMU");
    for (int i = 0; i < 2; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (maqet_hotplug_add(&hotplug, &commands, err) < 0)
            return -1;
        if (maqet_hotplug_remove(&hotplug, &commands, &reason) == 0)
            continue;
        /* A device that stays is the machine's affair. */
        return reason->code == MAQET_ERROR_TIMEOUT && !reason->silent
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    }
    return 0;
}

/* Whether what attaches a storage's drives can be plugged, too. */
static bool
attached_hot(struct bench *bench)
{
    const struct maqet_iface *iface =
        bench->interface ? maqet_iface_load(&bench->context, bench->interface, NULL)
                         : NULL;
    bool hot = iface && iface->plugin.flags & MAQET_IFACE_HOTPLUG;

    return hot;
}

int
check_hotplug(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct machine machine = MACHINE_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!machine_possible(bench))
        return 0;
    if (!bench->is_iface && !attached_hot(bench))
        bench->interface = bench->storage->plugin.interface ? "none" : NULL;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_json_ json_object *entry = drive ? maqet_tree_copy(drive->tree) : NULL;
    if (!drive ||
        machine_run(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0)
        return -1;
    if (plug_twice(bench, &machine, &reason) == 0)
        return 0;
    if (!declared(bench))
        return bench_skip(bench, "it does not declare %s, and QEMU refuses: %s",
                          flag_name(bench), reason->message);
    maqet_error_hint(&reason, "Emit what others refer to first, or don't declare %s",
                     flag_name(bench));
    return maqet_error_move(err, TAKE_PTR(reason));
}
