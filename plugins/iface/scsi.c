/* SPDX-License-Identifier: MIT */
/*
 * scsi.c - SCSI disks and CD-ROM drives on virtio-scsi controllers. Each drive is a
 * target of its own, at LUN 0.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <string.h>

#include "plugins/iface/attach.h"

enum {
    SERIAL_MAX = 36,
    SERIAL_MAX_AS_ID =
        20,        /* QEMU's limit for a serial number that is the device_id too */
    TARGETS = 256, /* QEMU: VIRTIO_SCSI_MAX_TARGET is 255 */
};

static const struct maqet_option options[] = {
    ATTACH_OPTIONS,
    {.name = NULL},
};

static int
scsi_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    return attach_validate_serial(drive, SERIAL_MAX, err);
}

static int
scsi_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
              struct maqet_error **err)
{
    (void)err;
    maqet_capacity_controllers(capacity, attach_pci_slots(drive), TARGETS);
    return 0;
}

static int
scsi_emit_controller(const struct maqet_drive *drive, const char *id,
                     struct maqet_args *args, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_args_device(args, "virtio-scsi-pci", id);
    return 0;
}

static int
scsi_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                 struct maqet_args *args, struct maqet_error **err)
{
    bool cdrom = maqet_drive_media(drive) == MAQET_MEDIA_CDROM;
    const char *serial = maqet_drive_string(drive, "serial");
    struct maqet_props *device =
        attach_emit_device(drive, args, cdrom ? "scsi-cd" : "scsi-hd");

    if (attach_emit_bus(device, maqet_slot_controller(slot), 0, err) < 0)
        return -1;
    /* A device_id of its own has no such limit. */
    if (serial && strlen(serial) > SERIAL_MAX_AS_ID)
        maqet_props_string(device, "device_id", serial);
    maqet_props_int(device, "scsi-id", maqet_slot_index(slot));
    maqet_props_int(device, "lun", 0);
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "scsi",
    .summary = "SCSI disks and CD-ROM drives (virtio-scsi)",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | MAQET_IFACE_HOTPLUG_CONTROLLER | MAQET_IFACE_PCI,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .validate = scsi_validate,
    .capacity = scsi_capacity,
    .emit_controller = scsi_emit_controller,
    .emit_device = scsi_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
