/* SPDX-License-Identifier: MIT */
/*
 * drives.h - the drives of a VM as rows of a result.
 */
#ifndef MAQET_CLI_DRIVES_H
#define MAQET_CLI_DRIVES_H

#include "core/base/field.h"
#include "core/machine/vm.h"

struct drive_row {
    char *name;
    char *type;
    char *interface;
    char *media;
    char *file;
    /* Of one that is inspected. */
    bool size_known;
    uint64_t virtual_size;
    bool there;
    uint64_t allocated_size;
    struct maqet_strings damage;
    char *fault;
    bool asked; /* QEMU has said whether it has the drive: @attached */
    bool attached;
};

struct drive_rows {
    struct drive_row *items;
    size_t count;
};

/* Those of the definition: name, type, interface, media and file; and all. */
extern const struct maqet_fields drive_fields;
extern const struct maqet_fields inspected_drive_fields;

/* Fills a row for each drive, from the definition. The caller clears them by the fields. */
void drives_describe(const struct maqet_vm *vm, struct drive_rows *rows);

/* The same, and inspects the images: their sizes, faults, and damage that can be seen at
 * once. Damage and images that cannot be inspected are warnings. @running: QEMU may be
 * writing to them. */
void drives_inspect(const struct maqet_vm *vm, bool running, struct drive_rows *rows);

#endif
