/* SPDX-License-Identifier: MIT */
/*
 * ide.c - IDE disks and CD-ROM drives: on pc's own two channels, on q35 on one PIIX3
 * controller that is added (its I/O ports are fixed, so there can be no second one), and
 * elsewhere, where no such controller exists, on AHCI.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include "plugins/iface/ahci.h"
#include "plugins/iface/attach.h"

enum { CHANNELS = 2, UNITS = 2 };

static const struct maqet_option options[] = {
    ATTACH_OPTIONS,
    {.name = NULL},
};

static int
ide_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
             struct maqet_error **err)
{
    (void)err;
    switch (attach_machine_of(drive)) {
    case ATTACH_MACHINE_PC:
        maqet_capacity_builtin(capacity, CHANNELS * UNITS);
        break;
    case ATTACH_MACHINE_Q35:
        maqet_capacity_controllers(capacity, 1, CHANNELS * UNITS);
        break;
    case ATTACH_MACHINE_OTHER:
        maqet_capacity_controllers(capacity, attach_pci_slots(drive), AHCI_PORTS);
        break;
    }
    return 0;
}

static int
ide_emit_controller(const struct maqet_drive *drive, const char *id,
                    struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    if (attach_machine_of(drive) == ATTACH_MACHINE_OTHER)
        ahci_emit_controller(args, id);
    else
        maqet_args_device(args, "piix3-ide", id);
    return 0;
}

static int
ide_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                struct maqet_args *args, struct maqet_error **err)
{
    uint32_t units = attach_machine_of(drive) == ATTACH_MACHINE_OTHER ? 1 : UNITS;
    struct maqet_props *device = ata_emit_device(drive, args, maqet_slot_controller(slot),
                                                 maqet_slot_index(slot) / units, err);

    if (!device)
        return -1;
    maqet_props_int(device, "unit", maqet_slot_index(slot) % units);
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "ide",
    .summary = "IDE disks and CD-ROM drives, for old guests",
    .options = options,
    .flags = MAQET_IFACE_PCI,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .validate = ata_validate,
    .capacity = ide_capacity,
    .emit_controller = ide_emit_controller,
    .emit_device = ide_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
