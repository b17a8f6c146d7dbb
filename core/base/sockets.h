/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - Unix sockets: whether somebody listens, our own, and the service manager's.
 */
#ifndef MAQET_BASE_SOCKETS_H
#define MAQET_BASE_SOCKETS_H

#include "core/base/error.h"

enum maqet_listener {
    MAQET_LISTENER_NONE,    /* no process listens */
    MAQET_LISTENER_THERE,   /* a process listens */
    MAQET_LISTENER_UNKNOWN, /* one may listen in another network namespace, or on a file
                             * system with inodes of its own */
};

/* Whether a process listens on a Unix socket, without connecting to it, which could occupy
 * a server for one client. */
enum maqet_listener maqet_socket_listener(const char *path);

/* Connects to a stream socket in a folder, whose path may have any length. Returns a
 * descriptor, or -1. */
int maqet_socket_connect(int dir_fd, const char *name, struct maqet_error **err);

/* Creates a listening socket in a folder, for our user only, and replaces what has its
 * name. Returns a descriptor, or -1. */
int maqet_socket_listen(int dir_fd, const char *name, struct maqet_error **err);

/* Notifies the service manager, if one started us, of a state such as "READY=1"
 * (sd_notify(3)). Failures are ignored: the manager notices by itself. */
void maqet_notify(const char *state);

#endif
