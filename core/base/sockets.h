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

/* Whether a process listens on a Unix socket, without connecting to it: that would take
 * the place of whom a server waits for. */
enum maqet_listener maqet_socket_listener(const char *path);

/* A socket in a folder, for its user only, which listens already: so nobody has to wait
 * for whom it is handed to. What had its name is removed. A descriptor, or -1. */
int maqet_socket_listen(int dir_fd, const char *name, struct maqet_error **err);

/*
 * Tells the service manager that started us how far we are (sd_notify(3)): sends a state
 * such as "READY=1" to the socket that NOTIFY_SOCKET names. Nothing happens where there is
 * none. That it cannot be told is not an error of ours: it notices by itself.
 */
void maqet_notify(const char *state);

#endif
