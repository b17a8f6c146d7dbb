/* SPDX-License-Identifier: MIT */
/*
 * devices.h - the devices that maqet itself gives a machine, besides its drives.
 *
 * QEMU gives the devices of the user's arguments and the drives the lowest free addresses of
 * the PCI bus, in their order. maqet's own have fixed ones far above them, so that no drive
 * moves when one of them comes or goes.
 */
#ifndef MAQET_MACHINE_DEVICES_H
#define MAQET_MACHINE_DEVICES_H

#include "core/machine/network.h"
#include "core/machine/vm.h"

/* Those addresses: none that QEMU's documentation uses for the devices of a chipset (from
 * 0x1a on). They must never change: a guest may know its devices by them. */
enum {
    MAQET_SLOT_PORTS = 0x14, /* for drives that are attached later: one function each */
    MAQET_SLOT_USB = 0x15,
    MAQET_SLOT_PANIC = 0x16,
    MAQET_SLOT_VIDEO = 0x17,
    MAQET_SLOT_AGENT = 0x18,
    MAQET_SLOT_NETWORK = 0x19,
};

/* The id of maqet's network in QEMU. */
#define MAQET_NETDEV "maqet-network"

/* Appends the monitor, the guest agent's port, the serial port, the video card, the device
 * that reports a panic, the generation ID, and the network card, as far as the machine has them
 * and the user's arguments do not. */
void maqet_devices_add(const struct maqet_vm *vm, struct maqet_args *args);

/* Whether QEMU's events are recorded (events.h). */
bool maqet_devices_have_events(const struct maqet_vm *vm);

/* Whether the machine's network is maqet's; *network gets the definition's, which the caller
 * clears in any case. */
bool maqet_devices_have_network(const struct maqet_vm *vm, struct maqet_network *network);

#endif
