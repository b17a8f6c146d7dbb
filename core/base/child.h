/* SPDX-License-Identifier: MIT */
/*
 * child.h - children that run code of ours. One that works for us ends with us; one that
 * watches over something stays when we are killed, and notices. Either may have a socket
 * to us. To run a program, see process.h; for a function that may crash, apart.h.
 */
#ifndef MAQET_BASE_CHILD_H
#define MAQET_BASE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a child does. @fd is its end of the socket; -1: there is none. It returns the exit
 * code; what stands in buffers of stdio is not written. */
typedef int maqet_child_work(void *data, int fd);

struct maqet_child {
    pid_t pid; /* 0: there is none */
    int fd;    /* our end of the socket; -1: there is none */
};

#define MAQET_CHILD_INIT                                                                 \
    {                                                                                    \
        .fd = -1                                                                         \
    }

/* Starts a child that gets @signal when we end (0: none), without a socket. Returns its
 * PID, or -1 and errno. */
pid_t maqet_child_fork(int signal, maqet_child_work *work, void *data);

/* The same with a socket. Returns 0, or -1 and errno without a child. */
int maqet_child_start(struct maqet_child *child, int signal, maqet_child_work *work,
                      void *data);

/* Starts a child with a life of its own, and a socket: the terminal's signals, our locks
 * and our descriptors don't concern it, except for the descriptors *kept[i] (-1: none),
 * to which it gives other numbers in its memory. Returns 0, or -1 and errno without a
 * child. */
int maqet_child_detach(struct maqet_child *child, int *const *kept, size_t count,
                       maqet_child_work *work, void *data);

/* In a child: signals do what they do by default, and none is blocked. Async-signal-safe.
 */
void maqet_child_reset_signals(void);

/* Blocks the signals that ask us to end (SIGINT, SIGTERM, SIGHUP): a signalfd that reads
 * them without blocking, or -1 and errno. *before gets the mask to restore. */
int maqet_signals_hold(sigset_t *before);

/* Sends a character to a child. False: it has ended. */
bool maqet_child_send(const struct maqet_child *child, char word);

/* In the child: waits for a character; '\0': the parent has closed the socket, or died.
 */
char maqet_child_receive(int fd);

/* Closes our end of the socket, and waits for the end of the child, if there is one.
 * Returns the status of wait(2); -1: it is not known. */
int maqet_child_reap(struct maqet_child *child);

/* Leaves a child alone: closes our end of the socket, which may end it. */
void maqet_child_leave(struct maqet_child *child);

/* Waits for the end of the process alone. */
int maqet_child_wait(pid_t pid);

#endif
