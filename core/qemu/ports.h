/* SPDX-License-Identifier: MIT */
/*
 * ports.h - PCIe root ports. A root bus that is PCI Express (q35, virt) takes no devices
 * while QEMU runs, and releases none; a port does, for one device. So devices that can be
 * added and removed get a port each, and some are left free for those to come. A device
 * keeps its port.
 */
#ifndef MAQET_QEMU_PORTS_H
#define MAQET_QEMU_PORTS_H

#include "core/qemu/addresses.h"
#include "core/qemu/plugged.h"

/* What the ids of ports begin with; the number of the port follows. */
#define MAQET_PORTS_PREFIX "maqet-port-"

struct maqet_ports {
    const struct maqet_strings
        *before; /* the device in each port as recorded; "": none */
    const struct maqet_strings *rooted; /* devices that are recorded on the root bus */
    unsigned free;                      /* the number of ports that are left free */
    bool exact;                         /* there are as many as recorded */
    const char *machine_type;           /* QEMU's */
};

/* Puts marked devices that are hot into ports, of which it adds as many as there must be.
 * With no port to be left free, only those stay in theirs that have one. @now, which is
 * empty, gets the new record. */
void maqet_ports_assign(struct maqet_args *args, const struct maqet_ports *ports,
                        struct maqet_strings *now);

/* Gives a port to each marked device that is about to be added to a QEMU that runs, and
 * that needs one. @ports: the device in each. MAQET_ERROR_STATE: there is no free port. */
int maqet_ports_plug(struct maqet_args *args, const struct maqet_plugged *plugged,
                     const char *machine_type, const struct maqet_strings *ports,
                     struct maqet_error **err);

/* Notes that all ports are free; and that a device is on a bus, which may be a port's. */
void maqet_ports_clear(struct maqet_strings *ports);
void maqet_ports_note(struct maqet_strings *ports, const char *bus, const char *device);

#endif
