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

#endif
