/* SPDX-License-Identifier: MIT */
/*
 * plugged.h - which objects a running QEMU has, by their ids, however they were added; and
 * where its devices are.
 */
#ifndef MAQET_QEMU_PLUGGED_H
#define MAQET_QEMU_PLUGGED_H

#include "core/qemu/objects.h"
#include "core/qemu/qmp.h"

struct maqet_plugged {
    struct maqet_strings devices;
    struct maqet_strings nodes; /* all block nodes that have a name */
    struct maqet_strings objects;
    struct maqet_strings chardevs;
};

void maqet_plugged_clear(struct maqet_plugged *plugged);

#define _cleanup_plugged_ _cleanup_(maqet_plugged_clear)

/* Fills it, which is empty, within @timeout ms. */
int maqet_plugged_read(struct maqet_qmp *qmp, int64_t timeout,
                       struct maqet_plugged *plugged, struct maqet_error **err);

/* Whether QEMU has an object of that kind and id. */
bool maqet_plugged_has(const struct maqet_plugged *plugged,
                       const struct maqet_object_kind *kind, const char *id);

/* The bus of a device ("pci.0"; the caller frees), and its address there: slot times 8 plus
 * function. MAQET_ERROR_MISSING: QEMU has no such device; MAQET_ERROR_FAILED: it is not on
 * a PCI bus. */
int maqet_plugged_place(struct maqet_qmp *qmp, int64_t timeout, const char *device,
                        char **bus, int64_t *address, struct maqet_error **err);

#endif
