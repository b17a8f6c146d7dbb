/* SPDX-License-Identifier: MIT */
/*
 * exclusive.h - which of the user's own arguments only one QEMU can have at a time: devices and
 * interfaces of this host, sockets at a fixed place, folders that its guest writes to. The files
 * that QEMU writes to are those of surroundings.h, and the guest's other storage that of
 * writables.h.
 */
#ifndef MAQET_QEMU_EXCLUSIVE_H
#define MAQET_QEMU_EXCLUSIVE_H

#include "core/config/tree.h"

enum maqet_exclusive_kind {
    MAQET_EXCLUSIVE_ADDRESS,   /* a network in which MAC addresses must be distinct */
    MAQET_EXCLUSIVE_INTERFACE, /* of this host */
    MAQET_EXCLUSIVE_LINK,      /* a network with a fixed address or peer */
    MAQET_EXCLUSIVE_DEVICE,    /* of this host */
    MAQET_EXCLUSIVE_CONTEXT,   /* a guest's context ID */
    MAQET_EXCLUSIVE_SOCKET,    /* at a fixed place, be it that QEMU listens or connects */
    MAQET_EXCLUSIVE_PLACE,     /* another character device or display that may have one */
    MAQET_EXCLUSIVE_FOLDER,    /* that the guest writes to */
    MAQET_EXCLUSIVE_FILE,      /* a configuration file, of which nothing is known */
};

struct maqet_exclusive {
    enum maqet_exclusive_kind kind;
    char *option;        /* as QEMU gets it: "-serial unix:a" */
    const char *what;    /* "a socket at a fixed place of this host" */
    const char *instead; /* the advice */
};

struct maqet_exclusives {
    struct maqet_exclusive *items;
    size_t count;
};

/* Finds them in the `arguments` list (NULL: none), which was checked, however they are written. */
void maqet_arguments_exclusive(json_object *list, struct maqet_exclusives *found);
void maqet_exclusives_clear(struct maqet_exclusives *found);

#define _cleanup_exclusives_ _cleanup_(maqet_exclusives_clear)

#endif
