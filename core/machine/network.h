/* SPDX-License-Identifier: MIT */
/*
 * network.h - the guest's network, as the keys `network` and `ports` define it. Which ports
 * of the host a machine that runs really has: ports.h.
 */
#ifndef MAQET_MACHINE_NETWORK_H
#define MAQET_MACHINE_NETWORK_H

#include "core/base/field.h"
#include "core/config/tree.h"

enum maqet_network_type {
    MAQET_NETWORK_USER,   /* QEMU's own, which needs no privileges; it forwards ports */
    MAQET_NETWORK_NONE,   /* no network card */
    MAQET_NETWORK_TAP,    /* an interface of this host, which exists already */
    MAQET_NETWORK_BRIDGE, /* the same, created by QEMU's helper program for each start */
};

/* "user"; NULL after the last one. */
const char *maqet_network_type_name(unsigned type);

/* A port of the host that leads to one of the guest. */
struct maqet_forward {
    char *protocol;     /* "tcp" or "udp" */
    char *address;      /* of the host, in dotted decimal; "0.0.0.0": all */
    uint32_t host_port; /* 0: `auto`, so each start chooses a free one */
    uint32_t guest_port;
    struct maqet_place place; /* in a definition */
};

extern const struct maqet_fields maqet_forward_fields;

struct maqet_forwards {
    struct maqet_forward *items;
    size_t count;
};

void maqet_forwards_clear(struct maqet_forwards *ports);

#define _cleanup_forwards_ _cleanup_(maqet_forwards_clear)

/* The definition's network. The texts but for the ports' are the tree's, or constant. */
struct maqet_network {
    enum maqet_network_type type;
    bool given;            /* by `network` or `ports`; otherwise it is the default */
    const char *interface; /* of a TAP */
    const char *bridge;    /* of a BRIDGE */
    const char *mac;       /* NULL: maqet_network_mac() */
    const char *model;     /* QEMU's device */
    struct maqet_forwards ports;
};

/* The keys of the mapping `network`. */
extern const struct maqet_option maqet_network_options[];

/* Checks both keys of a definition. */
int maqet_network_check(json_object *tree, struct maqet_error **err);

/* Reads both keys, which were checked. */
void maqet_network_read(json_object *tree, struct maqet_network *network);
void maqet_network_clear(struct maqet_network *network);

#define _cleanup_network_ _cleanup_(maqet_network_clear)

/* The MAC address of a machine's network card: "52:54:00:" (QEMU's own prefix), and three
 * bytes that always follow from the UUID and the card's index. The caller frees. */
char *maqet_network_mac(const char *uuid, unsigned index);

/* "tcp 127.0.0.1:2222", or "udp 0.0.0.0:auto". The caller frees. */
char *maqet_forward_text(const struct maqet_forward *port);

#endif
