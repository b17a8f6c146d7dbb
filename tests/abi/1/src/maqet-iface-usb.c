/* SPDX-License-Identifier: MIT */
/*
 * usb.c - USB sticks: disks at the ports of xHCI controllers, which the core asks for when
 * the ports of the last one are taken. An example of an interface plugin with controllers.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <string.h>

/* QEMU: XHCI_MAXPORTS; and how many PCI devices we would add for them. */
enum { PORTS = 15, CONTROLLERS = 8, SERIAL_MAX = 40 };

static const struct maqet_option options[] = {
    {.name = "serial",
     .type = MAQET_OPTION_STRING,
     .help = "serial number that the guest reads from the device"},
    {.name = "bootindex",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 0,
     .maximum = INT32_MAX,
     .help = "place in the order in which the firmware tries to boot; 0 comes first"},
    {.name = "removable",
     .type = MAQET_OPTION_BOOL,
     .fallback = "on",
     .help = "whether the guest takes it for a stick that may be pulled out"},
    {.name = NULL},
};

static int
usb_validate(const struct maqet_drive *drive, struct maqet_error **err)
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
usb_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
             struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_capacity_controllers(capacity, CONTROLLERS, PORTS);
    return 0;
}

static int
usb_emit_controller(const struct maqet_drive *drive, const char *id,
                    struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *controller = maqet_args_device(args, "qemu-xhci", id);

    (void)drive;
    (void)err;
    maqet_props_int(controller, "p2", PORTS);
    maqet_props_int(controller, "p3", PORTS);
    return 0;
}

static int
usb_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                struct maqet_args *args, struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    struct maqet_props *device = maqet_args_device(args, "usb-storage", name);
    char bus[96], port[16];

    /* A controller has one bus, "ID.0"; its ports count from 1. */
    if (snprintf(bus, sizeof(bus), "%s.0", maqet_slot_controller(slot)) >=
        (int)sizeof(bus))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "the controller's id is too long");
    snprintf(port, sizeof(port), "%u", (unsigned)maqet_slot_index(slot) + 1);
    maqet_props_string(device, "drive", maqet_drive_node(drive));
    maqet_props_string(device, "bus", bus);
    maqet_props_string(device, "port", port);
    maqet_props_bool(device, "removable", maqet_drive_bool(drive, "removable"));
    if (maqet_drive_has(drive, "serial"))
        maqet_props_string(device, "serial", maqet_drive_string(drive, "serial"));
    if (maqet_drive_has(drive, "bootindex"))
        maqet_props_int(device, "bootindex", maqet_drive_int(drive, "bootindex"));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "usb",
    .summary = "USB sticks on xHCI controllers",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | MAQET_IFACE_PCI,
    .validate = usb_validate,
    .capacity = usb_capacity,
    .emit_controller = usb_emit_controller,
    .emit_device = usb_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
