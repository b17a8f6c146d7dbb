/* SPDX-License-Identifier: MIT */
/*
 * inventory.h - what a QEMU that runs really has, which is not always what its machine was
 * started with: somebody may have used its monitor.
 */
#ifndef MAQET_MACHINE_INVENTORY_H
#define MAQET_MACHINE_INVENTORY_H

#include "core/base/field.h"
#include "core/machine/opened.h"

/* A disk of QEMU's that is not a drive of the machine, with a medium. */
struct maqet_other_drive {
    char *name;   /* of the device, or of the block node */
    char *format; /* of its top block node */
    char *file;   /* QEMU's name for it; may be NULL */
    bool readonly;
    uint64_t virtual_size; /* bytes */
};

struct maqet_inventory {
    char *machine;               /* the machine type; NULL: not known */
    uint64_t memory;             /* of the guest, in bytes; 0: not known */
    uint32_t vcpus;              /* 0: not known */
    bool has_drives;             /* those of the machine and others are known */
    struct maqet_strings drives; /* names of the machine's drives that it has */
    struct maqet_other_drive *others;
    size_t other_count;
};

extern const struct maqet_fields maqet_other_drive_fields;

/* What a machine that does not run would have, but for its drives. */
void maqet_inventory_expect(const struct maqet_vm *vm, struct maqet_inventory *inventory);

/* Asks the QEMU of a machine that runs. What it does not tell is not known; the error is
 * the first one. */
int maqet_inventory_read(struct maqet_opened *machine, const struct maqet_vm *vm,
                         struct maqet_inventory *inventory, struct maqet_error **err);

void maqet_inventory_clear(struct maqet_inventory *inventory);

#define _cleanup_inventory_ _cleanup_(maqet_inventory_clear)

#endif
