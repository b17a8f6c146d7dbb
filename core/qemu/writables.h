/* SPDX-License-Identifier: MIT */
/*
 * writables.h - what a guest can write to because of the user's own arguments: disks, flash
 * memory, persistent memory, a TPM. maqet does not manage these, and snapshots of the
 * machine's drives do not include them.
 */
#ifndef MAQET_QEMU_WRITABLES_H
#define MAQET_QEMU_WRITABLES_H

#include "core/config/tree.h"

enum maqet_writable_kind {
    MAQET_WRITABLE_DISK,
    MAQET_WRITABLE_FLASH,  /* UEFI variables, mostly */
    MAQET_WRITABLE_MEMORY, /* persistent memory, backed by a file */
    MAQET_WRITABLE_TPM,    /* the state of a TPM emulator, or a TPM of the host */
    MAQET_WRITABLE_UNKNOWN /* devices that a configuration file of QEMU adds */
};

/* "disk"; for messages. */
const char *maqet_writable_kind_name(enum maqet_writable_kind kind);

struct maqet_writable {
    enum maqet_writable_kind kind;
    char *name;     /* its `id` or `node-name`; else the option and a number: "drive0" */
    char *file;     /* as QEMU gets it; NULL: not known */
    char *place;    /* where it is written, "vm.yaml:7:3"; NULL: not in `arguments` */
    bool untold;    /* QEMU does not report it: another process serves it */
    bool discarded; /* QEMU discards what the guest writes when it ends (snapshot=on) */
    bool nowhere;   /* so does the driver of its node, always */
};

struct maqet_writables {
    struct maqet_writable *items;
    size_t count;
};

void maqet_writables_clear(struct maqet_writables *writables);

#define _cleanup_writables_ _cleanup_(maqet_writables_clear)

/* Adds one of that kind and name (taken; "argument-" is prepended if it is in use). The
 * result is valid until the next one is added. */
struct maqet_writable *maqet_writables_add(struct maqet_writables *writables,
                                           enum maqet_writable_kind kind, char *name);

/* The one of that name; NULL: none. */
const struct maqet_writable *maqet_writables_find(const struct maqet_writables *writables,
                                                  const char *name);

/* Finds them in the `arguments` list (NULL: none), which was checked; also nodes that no
 * device uses yet, but nothing that is read-only, and no CD-ROM. */
void maqet_arguments_writables(json_object *list, struct maqet_writables *writables);

#endif
