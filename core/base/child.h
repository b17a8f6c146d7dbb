/* SPDX-License-Identifier: MIT */
/*
 * child.h - children that run our own code. A worker ends with us; a guardian survives us,
 * and notices it. Either may have a socket to us. To run a program, see process.h; to call
 * a function that may crash, apart.h.
 */
#ifndef MAQET_BASE_CHILD_H
#define MAQET_BASE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a child does. @fd is its end of the socket, or -1. Returns the exit code; buffers
 * of stdio are not flushed. */
typedef int maqet_child_work(void *data, int fd);

struct maqet_child {
    pid_t pid; /* 0: there is none */
    int fd;    /* our end of the socket; -1: there is none */
};

#define MAQET_CHILD_INIT                                                                 \
    {                                                                                    \
        .fd = -1                                                                         \
    }

/* Starts a child that gets @signal (0: none) when we end, without a socket. Returns its
 * PID, or -1 and errno. */
pid_t maqet_child_fork(int signal, maqet_child_work *work, void *data);

/* The same with a socket. Returns 0, or -1 and errno without a child. */
int maqet_child_start(struct maqet_child *child, int signal, maqet_child_work *work,
                      void *data);

/* Starts a child that survives us, with a socket. It ignores the terminal's signals, and
 * has no descriptors but *kept[i] (-1: none), whose new numbers it stores there, in its
 * own memory. Returns 0, or -1 and errno without a child. */
int maqet_child_detach(struct maqet_child *child, int *const *kept, size_t count,
                       maqet_child_work *work, void *data);

/* In a child: restores the default actions of all signals, and unblocks them.
 * Async-signal-safe. */
void maqet_child_reset_signals(void);

/* In a child: closes the descriptors from @first to @last (~0U: all above). Plugins may have
 * opened some that are not closed on exec. Async-signal-safe. */
void maqet_child_close(unsigned first, unsigned last);

/* The descriptors after the standard streams that are not closed on exec, in order; ours
 * are, so these are inherited, unless a plugin has been loaded. The caller frees. */
size_t maqet_child_inherited(int **fds);

/* In a child: closes all descriptors after the standard streams but these. */
void maqet_child_close_others(const int *fds, size_t count);

/* Blocks the signals that ask us to end (SIGINT, SIGTERM, SIGHUP): a signalfd that reads
 * them without blocking, or -1 and errno. *before gets the mask to restore. */
int maqet_signals_hold(sigset_t *before);

/* Sends a character to a child. False: it has ended. */
bool maqet_child_send(const struct maqet_child *child, char word);

/* In the child: waits for a character. '\0': the parent has closed the socket, or died. */
char maqet_child_receive(int fd);

/* Closes our end of the socket, and waits for the child, if there is one. Returns the
 * status of wait(2); -1: not known. */
int maqet_child_reap(struct maqet_child *child);

/* Closes our end of the socket, without waiting. */
void maqet_child_leave(struct maqet_child *child);

/* Waits for the process. Returns as maqet_child_reap(). */
int maqet_child_wait(pid_t pid);

#endif
