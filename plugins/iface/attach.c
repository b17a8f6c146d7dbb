/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include "plugins/iface/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

enum attach_machine
attach_machine_of(const struct maqet_drive *drive)
{
    const char *type = maqet_drive_machine(drive);

    if (strcmp(type, "q35") == 0 || starts_with(type, "pc-q35-"))
        return ATTACH_MACHINE_Q35;
    if (strcmp(type, "pc") == 0 || starts_with(type, "pc-i440fx-"))
        return ATTACH_MACHINE_PC;
    return ATTACH_MACHINE_OTHER;
}

/*
 * Counted by adding virtio-blk-pci, ich9-ahci and virtio-scsi-pci devices to otherwise
 * bare machines until QEMU said "PCI: no slot/function available", with QEMU 7.2.22
 * and 10.0.13: 28 each on q35 and pc (bridges, graphics and network have the rest of the
 * 32), and 30 on aarch64's virt. What else the user adds takes slots away; then it is
 * QEMU that says so.
 */
uint32_t
attach_pci_slots(const struct maqet_drive *drive)
{
    return strcmp(maqet_drive_arch(drive), "aarch64") == 0 ? 30 : 28;
}

int
attach_validate_serial(const struct maqet_drive *drive, size_t bytes,
                       struct maqet_error **err)
{
    const char *serial = maqet_drive_string(drive, "serial");

    if (!serial || strlen(serial) <= bytes)
        return 0;
    return maqet_drive_error(drive, "serial", err, MAQET_ERROR_INVALID,
                             "the serial number '%s' is longer than the %zu bytes that "
                             "this interface carries",
                             serial, bytes);
}

/*
 * A drive that must not keep writes in a volatile cache (the cache modes writethrough and
 * directsync, by QEMU's names for them) says so by its device; see "-drive cache=" in
 * QEMU's manual. Storages without a `cache` option leave it to QEMU.
 */
static bool
is_write_through(const struct maqet_drive *drive)
{
    const char *cache = maqet_drive_string(drive, "storage_options.cache");

    return cache &&
           (strcmp(cache, "writethrough") == 0 || strcmp(cache, "directsync") == 0);
}

struct maqet_props *
attach_emit_device(const struct maqet_drive *drive, struct maqet_args *args,
                   const char *driver)
{
    const char *name = maqet_drive_name(drive);
    const char *serial = maqet_drive_string(drive, "serial");
    struct maqet_props *device = maqet_args_device(args, driver, name);
    bool empty = maqet_drive_empty(drive);

    if (!empty)
        maqet_props_string(device, "drive", maqet_drive_node(drive));
    if (serial)
        maqet_props_string(device, "serial", serial);
    if (maqet_drive_has(drive, "bootindex"))
        maqet_props_int(device, "bootindex", maqet_drive_int(drive, "bootindex"));
    if (!empty && is_write_through(drive))
        maqet_props_string(device, "write-cache", "off");
    return device;
}

int
attach_emit_bus(struct maqet_props *device, const char *controller, uint32_t number,
                struct maqet_error **err)
{
    char *bus;

    if (asprintf(&bus, "%s.%u", controller, number) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
    maqet_props_string(device, "bus", bus);
    free(bus);
    return 0;
}
