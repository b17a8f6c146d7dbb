/* SPDX-License-Identifier: MIT */
/*
 * console_port.h - a serial port of QEMU's, its log, and those who are connected to it:
 * what the console keeper (keeper.h) does in each round of its loop. What the guest writes
 * goes to the log, and clients read the log, each from its own position. So one that reads
 * slowly holds up neither the guest nor the others, and loses nothing that the log still
 * has. What clients write goes to the guest.
 */
#ifndef MAQET_MACHINE_CONSOLE_PORT_H
#define MAQET_MACHINE_CONSOLE_PORT_H

#include <poll.h>

#include "core/base/logfile.h"

/* Clients at the same time; others wait. */
enum { MAQET_CONSOLE_CLIENTS = 32 };

/* Descriptors that a port polls. */
enum { MAQET_CONSOLE_POLLED = 3 + MAQET_CONSOLE_CLIENTS };

struct maqet_console_client {
    int fd;
    uint64_t position; /* in the log, of what it gets next */
    bool has_said_all; /* it sends no more */
    bool has_hung_up;  /* it has closed the connection; what it sent may be unread */
};

struct maqet_console_port {
    struct maqet_logfile log;
    int fd;       /* to QEMU; -1: none, or QEMU has ended */
    int now_fd;   /* listens for clients that get what the guest writes from now on, */
    int start_fd; /* and for those that get everything since QEMU's start */
    uint64_t start;
    uint64_t line; /* where the guest's unfinished line begins, such as a prompt */
    uint64_t lost; /* bytes that the log could not take, and does not mention yet */
    struct maqet_console_client clients[MAQET_CONSOLE_CLIENTS];
    size_t count;
    char input[4096]; /* for the guest, from @taken to @given */
    size_t taken, given;
};

#define MAQET_CONSOLE_PORT_INIT                                                          \
    {                                                                                    \
        .log = MAQET_LOGFILE_INIT, .fd = -1, .now_fd = -1, .start_fd = -1                \
    }

/* Begins: writes the line @mark to the log, for people, and makes the descriptors, which
 * are the port's from here on, nonblocking. */
void maqet_console_port_begin(struct maqet_console_port *port, const char *mark);

/* Fills MAQET_CONSOLE_POLLED entries for poll(2). */
void maqet_console_port_poll(const struct maqet_console_port *port, struct pollfd *fds);

/* Does what these entries ask for. Returns whether anything was moved. */
bool maqet_console_port_serve(struct maqet_console_port *port, const struct pollfd *fds);

/* QEMU has ended: takes what it has written last, and closes all but the clients. */
void maqet_console_port_end(struct maqet_console_port *port);

/* Whether a client still has to get something, after the end; others are closed. */
bool maqet_console_port_has_readers(struct maqet_console_port *port);

void maqet_console_port_clear(struct maqet_console_port *port);

#endif
