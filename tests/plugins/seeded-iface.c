/* SPDX-License-Identifier: MIT */
/*
 * seeded-iface.c - an interface plugin that is right, or wrong in the one way that
 * -DFAULT=NUMBER says (seeded-faults.h): what `maqet plugin check` is measured by.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <string.h>

#include "seeded-faults.h"

static const struct maqet_option options[] = {
    {.name = "label",
     .type = MAQET_OPTION_STRING,
     .help = "a text that is looked at and not used"},
    {.name = NULL},
};

static int
iface_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *label = maqet_drive_string(drive, "label");

    if (maqet_drive_media(drive) == MAQET_MEDIA_CDROM)
        return maqet_drive_error(drive, "media", err, MAQET_ERROR_UNSUPPORTED,
                                 "it has disks only");
    return label && strlen(label) > 20
               ? maqet_drive_error(drive, "label", err, MAQET_ERROR_INVALID,
                                   "the label is longer than 20 bytes")
               : 0;
}

static int
iface_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
               struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_capacity_builtin(capacity, FAULT == TOO_MANY ? 50 : FAULT == COLD ? 4 : 20);
    return 0;
}

static int
iface_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                  struct maqet_args *args, struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    char id[64];

    (void)slot;
    (void)err;
    snprintf(id, sizeof(id), "%.31s%s", name, FAULT == DEVICE_ID ? "-device" : "");
    struct maqet_props *device =
        maqet_args_device(args, FAULT == COLD ? "ide-hd" : "virtio-blk-pci", id);
    maqet_props_string(device, "drive", name);
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "seeded",
    .summary = "a bus for the test of the conformance kit",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG,
    .validate = iface_validate,
    .capacity = iface_capacity,
    .emit_device = iface_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
