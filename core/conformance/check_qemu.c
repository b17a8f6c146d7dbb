/* SPDX-License-Identifier: MIT */
/*
 * check_qemu.c - whether a real QEMU accepts what is emitted, also as many drives as the
 * plugin says, and while it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/made_up.h"
#include "core/machine/helpers.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug.h"
#include "core/storage/callback.h"
#include "core/storage/slots.h"

/* Drives that are tried, even if more fit. */
enum { DRIVES_MAX = 64 };

/* ---- one drive ---- */

static int
check_drive_there(const struct bench *bench, struct maqet_opened *machine,
                  struct maqet_error **err)
{
    const struct maqet_drive *drive = machine->vm->drives[0];
    bool is_share = !drive->storage->plugin.interface;

    if (!is_share && !machine_has_node(machine, maqet_drive_node(drive)))
        return bench_fail(err, "The node-name is maqet_drive_name()",
                          "QEMU has no block node '%s'", drive->name);
    if ((bench->is_iface || drive->iface) && !machine_has_device(machine, drive->name))
        return bench_fail(err, "The device's id is maqet_drive_name()",
                          "QEMU has no device '%s'", drive->name);
    return 0;
}

static int
check_qemu(struct bench *bench, struct maqet_error **err)
{
    const char *type;

    for (unsigned i = 0; (type = machine_type(bench, i)); i++) {
        _cleanup_machine_ struct maqet_opened *machine =
            machine_start(bench, type, &bench->drive->tree, 1, err);

        if (machine && check_drive_there(bench, machine, err) == 0)
            continue;
        maqet_error_hint(err, "Compare what is emitted with QEMU's documentation of "
                              "that driver");
        return maqet_error_wrap(err, "On the machine type %s", type);
    }
    return 0;
}

/* ---- many drives ---- */

/* Asks the plugin how many drives fit on a machine type. */
static int
ask_capacity(struct bench *bench, const char *type, uint64_t *most,
             struct maqet_error **err)
{
    struct maqet_drive *drive = bench->drive;
    struct maqet_machine machine = bench->machine;
    struct maqet_capacity capacity = {0};

    machine.type = (char *)type;
    drive->machine = &machine;
    int result = MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, capacity, &capacity);
    drive->machine = &bench->machine;
    *most = capacity.builtin + (uint64_t)capacity.controllers * capacity.per_controller;
    if (result == 0 && capacity.controllers > 0 && !bench->iface->plugin.emit_controller)
        return bench_fail(err, "Write emit_controller",
                          "capacity reports controllers, and there is no "
                          "emit_controller");
    return result;
}

/* Runs QEMU with as many drives. */
static int
fill_buses(struct bench *bench, const char *type, size_t count, struct maqet_error **err)
{
    json_object *entries[DRIVES_MAX] = {NULL};

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *name = maqet_format("drive-%zu", i);

        entries[i] = bench_entry(bench, name, 0);
    }
    _cleanup_machine_ struct maqet_opened *machine =
        machine_start(bench, type, entries, count, err);
    int result = machine ? 0 : -1;
    for (size_t i = 0; i < count; i++) {
        const char *name = maqet_tree_text(entries[i], "name");

        if (result == 0 && !machine_has_device(machine, name))
            result = bench_fail(err, NULL, "QEMU has no device '%s'", name);
        json_object_put(entries[i]);
    }
    return result;
}

static int
check_capacity(struct bench *bench, struct maqet_error **err)
{
    bool any = false;
    const char *type;

    for (unsigned i = 0; (type = machine_type(bench, i)); i++) {
        uint64_t most = 0;

        if (ask_capacity(bench, type, &most, err) < 0)
            return -1;
        any = any || most > 0;
        if (most == 0 ||
            fill_buses(bench, type, most < DRIVES_MAX ? (size_t)most : DRIVES_MAX, err) ==
                0)
            continue;
        maqet_error_hint(err, "Report fewer places, or controllers, in capacity");
        return maqet_error_wrap(
            err, "capacity says that %" PRIu64 " drives fit on the machine type %s", most,
            type);
    }
    return any ? 0
               : bench_fail(err,
                            "Call maqet_capacity_builtin() or "
                            "maqet_capacity_controllers()",
                            "capacity says that no drive fits on any machine type");
}

/* ---- while it runs ---- */

/* ms for an answer of QEMU, and for a device to be detached. */
static const int64_t DETACH_TIMEOUT = 10000;

/* Emits the drive that QEMU has, and a second one. *skipped: the objects of the first. */
static int
emit_second(struct maqet_opened *machine, struct maqet_drive *second,
            struct maqet_args *both, size_t *skipped, struct maqet_error **err)
{
    struct maqet_drive *drives[] = {machine->vm->drives[0], second};
    _cleanup_args_ struct maqet_args *one = maqet_args_new();

    if (maqet_drives_emit(drives, 1, NULL, one, NULL, err) < 0)
        return -1;
    *skipped = one->count;
    return maqet_drives_emit(drives, 2, NULL, both, NULL, err);
}

/* A second drive, with a separate run folder: its program beside QEMU is ended when it is
 * detached, and that of the first drive is not. NULL on error. */
static struct maqet_drive *
make_second(struct bench *bench, int *dir_fd, struct maqet_error **err)
{
    char *first = bench->machine.run_dir;
    _cleanup_free_ char *folder = maqet_format("%s/second", bench->context.runtime_dir);
    _cleanup_drive_ struct maqet_drive *drive = NULL;

    *dir_fd = maqet_dir_open_own(folder, O_NOFOLLOW, err);
    if (*dir_fd < 0)
        return NULL;
    bench->machine.run_dir = folder;
    drive = bench_drive(bench, "second", 0, err);
    bench->machine.run_dir = first;
    return drive && bench_prepare(drive, err) == 0 ? TAKE_PTR(drive) : NULL;
}

/* The program's output goes to a log, as in a start: it is not that of the plugin. */
static int
start_helper(const struct maqet_opened *machine, struct maqet_drive *drive, int dir_fd,
             struct maqet_error **err)
{
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;
    _cleanup_close_ int log_fd =
        openat(dir_fd, MAQET_RUN_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (log_fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", MAQET_RUN_LOG);
    return maqet_helpers_prepare(&drive, 1, dir_fd, &helpers, err) < 0
               ? -1
               : maqet_helpers_start(&helpers, machine->run.pidfd, log_fd, NULL, err);
}

/* Adds the objects to QEMU, and removes them. 1: a device stays, which depends on the
 * machine type. */
static int
attach_and_detach(struct maqet_opened *machine, const struct maqet_args *args,
                  size_t skipped, struct maqet_error **err)
{
    const struct maqet_hotplug hotplug = {
        .qmp = maqet_monitor_connect(machine, err),
        .args = args,
        .skipped = skipped,
        .timeout = DETACH_TIMEOUT,
        .resets = true,
    };
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!hotplug.qmp || maqet_hotplug_add(&hotplug, err) < 0)
        return -1;
    if (maqet_hotplug_remove(&hotplug, &reason) == 0)
        return 0;
    return reason->code == MAQET_ERROR_TIMEOUT && !reason->silent
               ? 1
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* Why the second drive cannot be added; the caller frees. NULL: it can, as far as the plugins
 * say. */
static char *
why_not_added(const struct bench *bench, const struct maqet_drive *second,
              const struct maqet_args *args, size_t skipped)
{
    const struct maqet_iface *iface = second->iface;
    _cleanup_free_ char *controllers =
        iface ? maqet_format("maqet-%s-", iface->plugin.name) : NULL;

    if (second->path && bench->drive->path &&
        strcmp(second->path, bench->drive->path) == 0)
        return maqet_format(
            "both drives would have %s; {drive} and {number} in --set stand "
            "for what differs",
            second->path);
    for (size_t i = skipped; controllers && i < args->count; i++)
        if (maqet_text_starts(args->objects[i]->id, controllers) &&
            !(iface->plugin.flags & MAQET_IFACE_HOTPLUG_CONTROLLER))
            return maqet_format(
                "a second drive needs a second controller, and the interface "
                "'%s' does not declare MAQET_IFACE_HOTPLUG_CONTROLLER",
                iface->plugin.name);
    return NULL;
}

/* Twice, because the second time fails if anything is left of the first. */
static int
attach_twice(struct bench *bench, struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_close_ int dir_fd = -1;
    _cleanup_drive_ struct maqet_drive *second = make_second(bench, &dir_fd, err);
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    size_t skipped;
    int result = 0;

    if (!second || emit_second(machine, second, args, &skipped, err) < 0)
        return -1;
    _cleanup_free_ char *why_not = why_not_added(bench, second, args, skipped);
    if (why_not)
        return bench_skip(bench, "%s", why_not);
    for (int i = 0; i < 2 && result == 0; i++) {
        result = start_helper(machine, second, dir_fd, err);
        if (result == 0)
            result = attach_and_detach(machine, args, skipped, err);
        maqet_helpers_end(dir_fd);
    }
    return result < 0 ? -1 : 0;
}

/* Whether the interface of a storage's drives allows it. */
static bool
interface_is_hot(const struct bench *bench)
{
    const struct maqet_iface *iface =
        bench->interface ? maqet_iface_load(&bench->context, bench->interface, NULL)
                         : NULL;

    return iface && iface->plugin.flags & MAQET_IFACE_HOTPLUG;
}

static int
check_hotplug(struct bench *bench, struct maqet_error **err)
{
    const char *flag = bench->is_iface ? "MAQET_IFACE_HOTPLUG" : "MAQET_STORAGE_HOTPLUG";
    bool declared = bench->is_iface
                        ? bench->iface->plugin.flags & MAQET_IFACE_HOTPLUG
                        : bench->storage->plugin.flags & MAQET_STORAGE_HOTPLUG;
    _cleanup_machine_ struct maqet_opened *machine = NULL;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!bench->is_iface && !interface_is_hot(bench))
        bench->interface = bench->storage->plugin.interface ? "none" : NULL;
    bench->drive = bench_drive(bench, "disk", 0, err);
    machine = bench->drive ? machine_start_drive(bench, err) : NULL;
    if (!machine)
        return -1;
    if (attach_twice(bench, machine, &reason) == 0)
        return 0;
    if (!declared)
        return bench_skip(bench, "it does not declare %s, and QEMU refuses: %s", flag,
                          reason->message);
    maqet_error_hint(
        &reason, "Emit objects before others refer to them, or don't declare %s", flag);
    return maqet_error_move(err, TAKE_PTR(reason));
}

const struct check checks_of_qemu[] = {
    {"qemu", OF_BOTH, NEEDS_DRIVE | NEEDS_THERE | NEEDS_QEMU, 90, check_qemu,
     "A real QEMU accepts what is emitted, and has the drive"},
    {"capacity", OF_IFACE, NEEDS_DRIVE | NEEDS_QEMU, 120, check_capacity,
     "A real QEMU accepts as many drives as the interface says fit"},
    {"hotplug", OF_BOTH, NEEDS_DRIVES | NEEDS_THERE | NEEDS_QEMU, 90, check_hotplug,
     "The same objects can be added to a running QEMU, and removed, if the plugin "
     "declares it"},
    {0},
};
