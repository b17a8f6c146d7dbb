/* SPDX-License-Identifier: MIT */
/*
 * nvme.c - NVMe: each drive is a controller of its own on the PCI bus, with one namespace.
 * An example of an interface plugin whose drives need no added controllers.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <string.h>

enum {
    SERIAL_MAX = 20
}; /* bytes (NVM Express base specification, Identify Controller) */

/* What a PC's PCI bus has left beside what the machine itself and its network take. */
enum { SLOTS = 24 };

static const struct maqet_option options[] = {
    {.name = "serial",
     .type = MAQET_OPTION_STRING,
     .help = "serial number that the guest reads; without it the drive's name"},
    {.name = "bootindex",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 0,
     .maximum = INT32_MAX,
     .help = "place in the order in which the firmware tries to boot; 0 comes first"},
    {.name = "queues",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 64,
     .help = "pairs of queues for the guest's processors"},
    {.name = NULL},
};

static int
nvme_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *serial = maqet_drive_string(drive, "serial");

    if (!serial)
        return 0;
    for (const char *c = serial; *c; c++)
        if (*c < ' ' || *c > '~')
            return maqet_drive_error(drive, "serial", err, MAQET_ERROR_INVALID,
                                     "a serial number is plain ASCII");
    return *serial && strlen(serial) <= SERIAL_MAX
               ? 0
               : maqet_drive_error(drive, "serial", err, MAQET_ERROR_INVALID,
                                   "a serial number has from 1 to %d characters",
                                   SERIAL_MAX);
}

static int
nvme_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
              struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_capacity_builtin(capacity, SLOTS);
    return 0;
}

static int
nvme_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                 struct maqet_args *args, struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    const char *serial = maqet_drive_string(drive, "serial");
    struct maqet_props *device = maqet_args_device(args, "nvme", name);
    char shortened[SERIAL_MAX + 1] = "";

    (void)slot;
    (void)err;
    maqet_props_string(device, "drive", maqet_drive_node(drive));
    /* QEMU insists on a serial number. */
    strncat(shortened, serial ? serial : name, SERIAL_MAX);
    maqet_props_string(device, "serial", shortened);
    if (maqet_drive_has(drive, "bootindex"))
        maqet_props_int(device, "bootindex", maqet_drive_int(drive, "bootindex"));
    if (maqet_drive_has(drive, "queues"))
        maqet_props_int(device, "max_ioqpairs", maqet_drive_int(drive, "queues"));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "nvme",
    .summary = "NVMe disks, each with a controller of its own",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | MAQET_IFACE_PCI,
    .validate = nvme_validate,
    .capacity = nvme_capacity,
    .emit_device = nvme_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
