/* SPDX-License-Identifier: MIT */
/*
 * check_roles.c - what a plugin declares has its effect: the options for the size and for
 * reading only, and what the guest sees.
 */
#include <inttypes.h>

#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/made_up.h"
#include "core/storage/creation.h"
#include "core/storage/slots.h"

/* ---- size ---- */

/* A drive of that size, in QEMU. */
static int
check_size_of(struct bench *bench, uint64_t size, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_format("disk-%" PRIu64, size >> 20);
    struct maqet_image_state state;
    bool created = false;

    maqet_drive_free(bench->drive);
    bench->drive = bench_drive(bench, name, size, err);
    if (!bench->drive ||
        maqet_image_prepare(bench->drive, &state, &created, NULL, err) < 0)
        return -1;
    uint64_t wanted = bench->drive->size;
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    if (!machine)
        return -1;
    uint64_t is = (uint64_t)machine_size(machine, bench->drive);
    /* A service may have kept what an earlier check has created. */
    return !created || is == 0 || is / 512 == (wanted + 511) / 512
               ? 0
               : bench_fail(err, "Create images of the size in that option, in bytes",
                            "with `%s: %" PRIu64 "`, the guest sees a disk of %" PRIu64
                            " bytes",
                            bench->storage->plugin.size_option, wanted, is);
}

static int
check_size(struct bench *bench, struct maqet_error **err)
{
    if (bench->storage->plugin.creation == MAQET_CREATION_NEVER)
        return bench_skip(bench, "it creates nothing");
    return check_size_of(bench, BENCH_SIZE, err) < 0
               ? -1
               : check_size_of(bench, 3 * BENCH_SIZE, err);
}

/* ---- read-only drives ---- */

/* Starts a VM with an entry, and finds out whether the drive is read-only. */
static int
check_start(struct bench *bench, json_object *entry, const char *what, bool readonly,
            struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, err);
    _cleanup_machine_ struct maqet_opened *machine =
        drive ? machine_start(bench, machine_type(bench, 0), &entry, 1, err) : NULL;

    if (!machine)
        return maqet_error_wrap(err, "%s", what);
    if (machine_is_readonly(machine, drive) == readonly)
        return 0;
    return bench_fail(err, "Set \"read-only\" to what maqet_drive_readonly() says",
                      "in QEMU, %s is %s", what, readonly ? "writable" : "read-only");
}

static int
check_readonly(struct bench *bench, struct maqet_error **err)
{
    const char *option = bench->storage->plugin.readonly_option;
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);

    if (bench->storage->plugin.creation == MAQET_CREATION_EACH_START)
        return bench_skip(bench, "what is created for each start is written to");
    if (!bench->storage->plugin.interface)
        return bench_skip(bench, "it has no block node");
    if (bench_prepare(bench->drive, err) < 0)
        return -1;
    made_up_set_storage(bench, entry, option, "off");
    if (check_start(bench, entry, "a drive that is not read-only", false, err) < 0)
        return -1;
    _cleanup_free_ char *what = maqet_format("a drive with `%s: on`", option);
    made_up_set_storage(bench, entry, option, "on");
    return check_start(bench, entry, what, true, err);
}

/* ---- media ---- */

/* Whether the guest sees such a drive. A disk may be removable, too. */
static bool
is_shown(struct maqet_opened *machine, bool cdrom)
{
    const char *id = maqet_drive_name(machine->vm->drives[0]);

    return cdrom ? machine_has_tray(machine, id) : !machine_has_type(machine, id, "-cd");
}

/* What the guest sees of the drive with an entry. */
static int
check_shown(struct bench *bench, json_object *entry, const char *what, bool cdrom,
            struct maqet_error **err)
{
    _cleanup_machine_ struct maqet_opened *machine =
        machine_start(bench, machine_type(bench, 0), &entry, 1, err);

    if (!machine)
        return maqet_error_wrap(err, "%s", what);
    if (!machine->vm->drives[0]->iface || is_shown(machine, cdrom))
        return 0;
    return bench_fail(
        err,
        "Emit a device of the kind that maqet_drive_media() says, or do not "
        "declare it in .media",
        "%s is shown to the guest as a %s", what, cdrom ? "disk" : "CD-ROM drive");
}

/* Whether the two plugins of the bench's drives show such media. */
static bool
shows(const struct bench *bench, enum maqet_media media)
{
    const struct maqet_iface *iface =
        bench->interface ? maqet_iface_load(&bench->context, bench->interface, NULL)
                         : NULL;

    return bench->storage->plugin.media & media && iface && iface->plugin.media & media;
}

static int
check_cdrom(struct bench *bench, struct maqet_error **err)
{
    const char *path_option = bench->storage->plugin.path_option;
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);

    bench_set(entry, "media", "cdrom");
    if (check_shown(bench, entry, "a CD-ROM", true, err) < 0)
        return -1;
    if (!path_option)
        return 0;
    made_up_set_storage(bench, entry, path_option, NULL);
    return check_shown(bench, entry, "an empty CD-ROM drive", true, err);
}

static int
check_media(struct bench *bench, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);
    bool disk = shows(bench, MAQET_MEDIA_DISK), cdrom = shows(bench, MAQET_MEDIA_CDROM);

    if (!disk && !cdrom)
        return bench_skip(bench, "no interface shows such drives");
    if (bench->storage->plugin.creation == MAQET_CREATION_ONCE &&
        bench_prepare(bench->drive, err) < 0)
        return -1;
    if (disk && check_shown(bench, entry, "a disk", false, err) < 0)
        return -1;
    return cdrom ? check_cdrom(bench, err) : 0;
}

enum { NEEDS_ROLE = NEEDS_DRIVE | NEEDS_THERE | NEEDS_QEMU };

const struct check checks_of_roles[] = {
    {"size", OF_STORAGE, NEEDS_ROLE | NEEDS_SIZE, 60, check_size,
     "The size_option says how large the disk is that the guest sees"},
    {"readonly", OF_STORAGE, NEEDS_ROLE | NEEDS_READONLY, 60, check_readonly,
     "With the readonly_option on, nothing can write to the drive"},
    {"media", OF_BOTH, NEEDS_ROLE, 90, check_media,
     "The guest sees disks and CD-ROM drives, also empty ones, as .media declares them"},
    {0},
};
