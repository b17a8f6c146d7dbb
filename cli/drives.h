/* SPDX-License-Identifier: MIT */
/*
 * drives.h - a machine's drives as rows of a result.
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
    /* Of one that was looked at. */
    bool size_known;
    uint64_t virtual_size;
    bool there;
    uint64_t allocated_size;
    struct maqet_strings damage;
    char *fault;
};

struct drive_rows {
    struct drive_row *items;
    size_t count;
};

/* name, type, interface, media and file; and all of it. */
extern const struct maqet_fields drive_fields;
extern const struct maqet_fields inspected_drive_fields;

/* A row for each drive, which the caller clears by the fields. */
void drives_describe(const struct maqet_vm *vm, struct drive_rows *rows);

/* The same, with what there is of it: sizes, faults and the damage that can be seen at
 * once. One that can't be looked at is a warning, and so is damage.
 * @running: QEMU may be writing to them. */
void drives_inspect(const struct maqet_vm *vm, bool running, struct drive_rows *rows);

#endif
