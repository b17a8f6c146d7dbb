/* SPDX-License-Identifier: MIT */
/*
 * writables.h - what a guest can write to by the user's own arguments: disks, flash
 * memory, persistent memory, a TPM. maqet doesn't look after these, and no snapshot of
 * the machine's drives holds them.
 */
#ifndef MAQET_QEMU_WRITABLES_H
#define MAQET_QEMU_WRITABLES_H

#include "core/config/tree.h"

enum maqet_writable_kind {
    MAQET_WRITABLE_DISK,
    MAQET_WRITABLE_FLASH,  /* UEFI variables, mostly */
    MAQET_WRITABLE_MEMORY, /* memory that is a file, and persistent to the guest */
    MAQET_WRITABLE_TPM,    /* the state of a TPM's emulator, or a TPM of the host */
    MAQET_WRITABLE_UNKNOWN /* what a file of QEMU's own configuration adds */
};

/* "disk"; for messages. */
const char *maqet_writable_kind_name(enum maqet_writable_kind kind);

struct maqet_writable {
    enum maqet_writable_kind kind;
    /* By which users know it: the `id` or `node-name` that it has; without one the
     * option's name and its number among its like, as in "drive0". */
    char *name;
    char *file;     /* as QEMU is told; NULL: not known */
    char *place;    /* where it is written, "vm.yaml:7:3"; NULL: not in `arguments` */
    bool untold;    /* QEMU doesn't tell of it while it runs: another process has it */
    bool discarded; /* what the guest writes is thrown away when QEMU ends (snapshot=on)
                     */
};

struct maqet_writables {
    struct maqet_writable *items;
    size_t count;
};

void maqet_writables_clear(struct maqet_writables *writables);

#define _cleanup_writables_ _cleanup_(maqet_writables_clear)

/* Adds one, zeroed but for the kind and the name, which is taken. Another one of that
 * name gets "argument-" before its own. It stays where it is until the next is added. */
struct maqet_writable *maqet_writables_add(struct maqet_writables *writables,
                                           enum maqet_writable_kind kind, char *name);

/* NULL: there is none of that name. */
const struct maqet_writable *maqet_writables_find(const struct maqet_writables *writables,
                                                  const char *name);

/* Finds them in the `arguments` list (NULL: none), which was checked; also a node that no
 * device has as yet. What is read-only is none of them, nor a CD-ROM. */
void maqet_arguments_writables(json_object *list, struct maqet_writables *writables);

#endif
