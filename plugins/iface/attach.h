/* SPDX-License-Identifier: MIT */
/*
 * attach.h - what all interfaces have in common: the options of their drives, what they
 * must know of the machine, and the properties that every device for a drive has.
 */
#ifndef ATTACH_H
#define ATTACH_H

#include <maqet-plugin.h>

/* The rows of an interface's option table that are the same in each. */
/* clang-format off */
#define ATTACH_OPTIONS \
    {.name = "bootindex", .type = MAQET_OPTION_INT, .flags = MAQET_LIMITS, .minimum = 0, .maximum = INT32_MAX, \
     .help = "place in the order in which the firmware tries to boot; 0 comes first"}, \
    {.name = "serial", .type = MAQET_OPTION_STRING, \
     .help = "serial number that the guest reads from the drive"}
/* clang-format on */

/* The machines that differ in what they bring along. */
enum attach_machine {
    ATTACH_MACHINE_PC,    /* i440fx, with two IDE channels */
    ATTACH_MACHINE_Q35,   /* with an AHCI controller */
    ATTACH_MACHINE_OTHER, /* nothing is known of it but that it has PCI */
};

enum attach_machine attach_machine_of(const struct maqet_drive *drive);

/* How many PCI devices can be added to the machine. */
uint32_t attach_pci_slots(const struct maqet_drive *drive);

/* Checks `serial`. */
int attach_validate_serial(const struct maqet_drive *drive, size_t bytes,
                           struct maqet_error **err);

/* Appends the device of a drive, with all that doesn't depend on the bus. */
struct maqet_props *attach_emit_device(const struct maqet_drive *drive,
                                       struct maqet_args *args, const char *driver);

/* Sets the device's bus to "CONTROLLER.NUMBER", as QEMU names the buses of a controller.
 */
int attach_emit_bus(struct maqet_props *device, const char *controller, uint32_t number,
                    struct maqet_error **err);

#endif
