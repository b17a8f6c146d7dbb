/* SPDX-License-Identifier: MIT */
/*
 * sata.c - disks and CD-ROM drives on AHCI: q35's own controller first, whose ports are
 * the buses ide.0 to ide.5, then controllers that are added.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include "plugins/iface/ahci.h"
#include "plugins/iface/attach.h"

static const struct maqet_option options[] = {
    ATTACH_OPTIONS,
    {.name = NULL},
};

static int
sata_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
              struct maqet_error **err)
{
    (void)err;
    maqet_capacity_builtin(
        capacity, attach_machine_of(drive) == ATTACH_MACHINE_Q35 ? AHCI_PORTS : 0);
    maqet_capacity_controllers(capacity, attach_pci_slots(drive), AHCI_PORTS);
    return 0;
}

static int
sata_emit_controller(const struct maqet_drive *drive, const char *id,
                     struct maqet_args *args, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    ahci_emit_controller(args, id);
    return 0;
}

static int
sata_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                 struct maqet_args *args, struct maqet_error **err)
{
    return ata_emit_device(drive, args, maqet_slot_controller(slot),
                           maqet_slot_index(slot), err)
               ? 0
               : -1;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "sata",
    .summary = "SATA disks and CD-ROM drives (AHCI)",
    .options = options,
    .flags = MAQET_IFACE_PCI,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .validate = ata_validate,
    .capacity = sata_capacity,
    .emit_controller = sata_emit_controller,
    .emit_device = sata_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
