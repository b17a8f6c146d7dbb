/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - what the kernel knows of sockets in the file system.
 */
#ifndef MAQET_BASE_SOCKETS_H
#define MAQET_BASE_SOCKETS_H

enum maqet_listener {
    MAQET_LISTENER_NONE,    /* nobody could be connected to there */
    MAQET_LISTENER_THERE,   /* a process listens */
    MAQET_LISTENER_UNKNOWN, /* can't be told: somebody may listen in another network
                             * namespace, or on a file system with inodes of its own */
};

/* Whether a process listens on a Unix socket, without connecting to it: that would take
 * the place of whom a server waits for. */
enum maqet_listener maqet_socket_listener(const char *path);

#endif
