/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/iface/ahci.h"

#include "plugins/iface/attach.h"

enum { SERIAL_MAX = 20 }; /* IDENTIFY DEVICE has no more room */

int
ata_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    /* The ATA commands have no way to say that a disk can't be written. */
    if (maqet_drive_media(drive) == MAQET_MEDIA_DISK && maqet_drive_readonly(drive)) {
        maqet_drive_error(drive, "readonly", err, MAQET_ERROR_UNSUPPORTED,
                          "an IDE or SATA disk cannot be read-only");
        maqet_error_hint(err, "Use `interface: virtio` or scsi, or `media: cdrom`");
        return -1;
    }
    return attach_validate_serial(drive, SERIAL_MAX, err);
}

struct maqet_props *
ata_emit_device(const struct maqet_drive *drive, struct maqet_args *args,
                const char *controller, uint32_t bus, struct maqet_error **err)
{
    bool cdrom = maqet_drive_media(drive) == MAQET_MEDIA_CDROM;
    struct maqet_props *device =
        attach_emit_device(drive, args, cdrom ? "ide-cd" : "ide-hd");

    if (attach_emit_bus(device, controller ? controller : "ide", bus, err) < 0)
        return NULL;
    return device;
}

void
ahci_emit_controller(struct maqet_args *args, const char *id)
{
    maqet_args_device(args, "ich9-ahci", id);
}
