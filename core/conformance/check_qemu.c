/* SPDX-License-Identifier: MIT */
/*
 * check_qemu.c - whether a real QEMU takes what is emitted, and as much of it as is
 * promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sendfile.h>

#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/storage/callback.h"
#include "core/storage/slots.h"

/* Drives that are tried at most, however many are said to fit. */
enum { DRIVES_MAX = 64 };

/* ---- one drive ---- */

static int
check_drive_there(struct bench *bench, struct machine *machine, struct maqet_error **err)
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
try_type(struct bench *bench, const char *type, struct maqet_error **err)
{
    _cleanup_machine_ struct machine machine = MACHINE_INIT;
    /* Made-up values that validate accepts: bench_drive() knows how. */
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_json_ json_object *entry = drive ? maqet_tree_copy(drive->tree) : NULL;

    if (!drive)
        return -1;
    if (machine_run(bench, &machine, type, &entry, 1, err) < 0 ||
        check_drive_there(bench, &machine, err) < 0) {
        maqet_error_hint(err, "Compare what is emitted with QEMU's own documentation of "
                              "that driver");
        return maqet_error_wrap(err, "On the machine type %s", type);
    }
    return 0;
}

int
check_qemu(struct bench *bench, struct maqet_error **err)
{
    if (!machine_possible(bench))
        return 0;
    for (unsigned i = 0; machine_type(bench, i); i++)
        if (try_type(bench, machine_type(bench, i), err) < 0)
            return -1;
    return 0;
}

/* ---- many drives ---- */

static int
copy_file(const char *from, const char *to, struct maqet_error **err)
{
    _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t count = in < 0 || out < 0 ? -1 : 1;

    while (count > 0)
        count = sendfile(out, in, NULL, 1 << 20);
    return count == 0 ? 0
                      : maqet_error_errno(err, errno, "Cannot copy %s to %s", from, to);
}

/* How many drives the plugin says fit on a machine type. */
static int
ask_capacity(struct bench *bench, const char *type, uint64_t *most,
             struct maqet_error **err)
{
    struct maqet_machine machine = bench->machine;
    struct maqet_capacity capacity = {0};
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive)
        return -1;
    machine.type = (char *)type;
    drive->machine = &machine;
    bench_doing(bench, "capacity");
    int result =
        maqet_drive_judge(drive, bench->name, "capacity",
                          drive->iface->plugin.capacity(drive, &capacity, err), err);
    *most = capacity.builtin + (uint64_t)capacity.controllers * capacity.per_controller;
    if (result == 0 && capacity.controllers > 0 && !drive->iface->plugin.emit_controller)
        return bench_fail(err, "Write emit_controller",
                          "capacity reports controllers, and there is no "
                          "emit_controller");
    return result;
}

static int
fill(struct bench *bench, const char *type, size_t count, struct maqet_error **err)
{
    _cleanup_machine_ struct machine machine = MACHINE_INIT;
    json_object *entries[DRIVES_MAX];
    int result = 0;

    /* One image is made, and the others are copies of it. */
    _cleanup_drive_ struct maqet_drive *first =
        bench_drive(bench, "drive-0", NULL, 0, err);
    if (!first || bench_prepare(bench, first, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *name = maqet_format("drive-%zu", i);
        _cleanup_free_ char *image = maqet_format("%s/disk.%s", bench->folder, name);

        entries[i] = bench_entry(bench, name, NULL, 0);
        if (i > 0 && result == 0 && first->path)
            result = copy_file(first->path, image, err);
    }
    if (result == 0)
        result = machine_run(bench, &machine, type, entries, count, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        const char *name = machine.vm->drives[i]->name;

        if (!machine_has_device(&machine, name))
            result = bench_fail(err, NULL, "QEMU has no device '%s'", name);
    }
    for (size_t i = 0; i < count; i++)
        json_object_put(entries[i]);
    return result;
}

int
check_capacity(struct bench *bench, struct maqet_error **err)
{
    bool any = false;

    if (!machine_possible(bench))
        return 0;
    for (unsigned i = 0; machine_type(bench, i); i++) {
        const char *type = machine_type(bench, i);
        uint64_t most = 0;

        if (ask_capacity(bench, type, &most, err) < 0)
            return -1;
        if (most == 0)
            continue;
        any = true;
        if (fill(bench, type, most < DRIVES_MAX ? (size_t)most : DRIVES_MAX, err) == 0)
            continue;
        maqet_error_hint(err, "Report fewer places, or controllers, in capacity");
        return maqet_error_wrap(err,
                                "%" PRIu64 " drives fit on the machine type %s, "
                                "says capacity",
                                most, type);
    }
    return any ? 0
               : bench_fail(err,
                            "Call maqet_capacity_builtin() or "
                            "maqet_capacity_controllers()",
                            "capacity says that no drive fits on any machine type");
}
