/* SPDX-License-Identifier: MIT */
/*
 * iface-numbered.c - the user says at which number of the controller a disk is, and what
 * its name on the bus is; two drives cannot have the same.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <string.h>

static const struct maqet_option options[] = {
    {.name = "lun",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_REQUIRED | MAQET_LIMITS,
     .minimum = 0,
     .maximum = 63,
     .help = "the disk's number"},
    {.name = "title",
     .type = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED,
     .help = "the disk's serial number, which no other disk has"},
    {.name = NULL},
};

static int
numbered_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *title = maqet_drive_string(drive, "title");

    for (const char *c = title; *c; c++)
        if (*c < ' ' || *c > '~' || c - title >= 32)
            return maqet_drive_error(drive, "title", err, MAQET_ERROR_INVALID,
                                     "it is not 1 to 32 printable characters");
    return 0;
}

static int
numbered_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
                  struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_capacity_controllers(capacity, 1, 64);
    return 0;
}

static int
numbered_emit_controller(const struct maqet_drive *drive, const char *id,
                         struct maqet_args *args, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_args_device(args, "virtio-scsi-pci", id);
    return 0;
}

static int
numbered_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                     struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *device =
        maqet_args_device(args, "scsi-hd", maqet_drive_name(drive));
    char bus[256];

    (void)err;
    snprintf(bus, sizeof(bus), "%s.0", maqet_slot_controller(slot));
    maqet_props_string(device, "bus", bus);
    maqet_props_int(device, "channel", 0);
    maqet_props_int(device, "scsi-id", 0);
    maqet_props_int(device, "lun", maqet_drive_int(drive, "lun"));
    maqet_props_string(device, "drive", maqet_drive_node(drive));
    maqet_props_string(device, "serial", maqet_drive_string(drive, "title"));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "right",
    .summary = "SCSI disks at numbers that the user chooses",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | MAQET_IFACE_PCI,
    .validate = numbered_validate,
    .capacity = numbered_capacity,
    .emit_controller = numbered_emit_controller,
    .emit_device = numbered_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
