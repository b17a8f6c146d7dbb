/* SPDX-License-Identifier: MIT */
/*
 * virtio.c - virtio-blk: each drive is a PCI device of its own, with no controller.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include "plugins/iface/attach.h"

enum { SERIAL_MAX = 20 }; /* VIRTIO_BLK_ID_BYTES */

static const struct maqet_option options[] = {
    ATTACH_OPTIONS,
    {.name = NULL},
};

static int
virtio_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    return attach_validate_serial(drive, SERIAL_MAX, err);
}

static int
virtio_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
                struct maqet_error **err)
{
    (void)err;
    maqet_capacity_builtin(capacity, attach_pci_slots(drive));
    return 0;
}

static int
virtio_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                   struct maqet_args *args, struct maqet_error **err)
{
    (void)slot; /* QEMU takes the next free PCI slot */
    (void)err;
    attach_emit_device(drive, args, "virtio-blk-pci");
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "virtio",
    .summary = "virtio-blk disks: quick, for guests that know them",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | MAQET_IFACE_PCI,
    .validate = virtio_validate,
    .capacity = virtio_capacity,
    .emit_device = virtio_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
