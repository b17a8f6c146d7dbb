/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a real QEMU with drives of the plugin. maqet stores and starts it like any
 * other VM, except that its guest never runs (-S), and that the kernel ends it with us.
 */
#ifndef MAQET_CONFORMANCE_MACHINE_H
#define MAQET_CONFORMANCE_MACHINE_H

#include "core/conformance/bench.h"
#include "core/machine/opened.h"

/* The @index-th machine type to try. NULL after the last one. */
const char *machine_type(const struct bench *bench, unsigned index);

/* Starts a machine with drives of these entries, in their order. Creates what the drives
 * consist of. NULL on error. */
struct maqet_opened *machine_start(const struct bench *bench, const char *type,
                                   json_object *const *entries, size_t count,
                                   struct maqet_error **err);

/* The same with bench->drive, on the first machine type. */
struct maqet_opened *machine_start_drive(const struct bench *bench,
                                         struct maqet_error **err);

/* Ends QEMU, which flushes its images, and closes the machine. NULL is allowed. */
void machine_end(struct maqet_opened *machine);
MAQET_CLEANUP(maqet_opened, machine_end, machine_cleanup)

#define _cleanup_machine_ _cleanup_(machine_cleanup)

/* Whether QEMU has a device with that ID, or a block node with that name. */
bool machine_has_device(struct maqet_opened *machine, const char *id);
bool machine_has_node(struct maqet_opened *machine, const char *name);

/* Bytes of the drive according to QEMU; 0: not known. And whether its node is
 * read-only. */
int64_t machine_size(struct maqet_opened *machine, const struct maqet_drive *drive);
bool machine_is_readonly(struct maqet_opened *machine, const struct maqet_drive *drive);

/* Whether the device shows the guest a drive for removable discs. */
bool machine_has_tray(struct maqet_opened *machine, const char *id);

/* Whether the name of the device's type ends with a text. */
bool machine_has_type(struct maqet_opened *machine, const char *id, const char *end);

/* QEMU's types of devices on PCI buses: an array of objects with a "name". NULL on error;
 * the caller puts it. */
json_object *machine_pci_types(struct maqet_opened *machine, struct maqet_error **err);

#endif
