/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - Unix sockets: who listens there, our own, and the service manager's.
 */
#ifndef MAQET_BASE_SOCKETS_H
#define MAQET_BASE_SOCKETS_H

#include "core/base/error.h"

enum maqet_listener {
    MAQET_LISTENER_NONE,    /* nobody could be connected to there */
    MAQET_LISTENER_THERE,   /* a process listens */
    MAQET_LISTENER_UNKNOWN, /* can't be told: somebody may listen in another network
                             * namespace, or on a file system with inodes of its own */
};

/* Whether a process listens on a Unix socket, without connecting to it, which would take
 * the place of whom a server waits for. */
enum maqet_listener maqet_socket_listener(const char *path);

/* Makes a socket in a folder, for its user only, which listens already. What had its name
 * is removed. A descriptor, or -1. */
int maqet_socket_listen(int dir_fd, const char *name, struct maqet_error **err);

/* Tells the service manager that started us, if one did, a state such as "READY=1"
 * (sd_notify(3)). A failure is not our error: the manager notices by itself. */
void maqet_notify(const char *state);

#endif
