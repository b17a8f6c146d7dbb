/* SPDX-License-Identifier: MIT */
/*
 * launching.h - the last part of a start: the run folder gets what QEMU inherits, QEMU is
 * run, and it answers.
 */
#ifndef MAQET_LIFECYCLE_LAUNCHING_H
#define MAQET_LIFECYCLE_LAUNCHING_H

#include <signal.h>

#include "core/lifecycle/start.h"
#include "core/machine/arguments.h"
#include "core/machine/helpers.h"
#include "core/machine/keeper.h"
#include "core/machine/opened.h"

/* What a start has while it is in progress. */
struct maqet_launching {
    struct maqet_opened *machine; /* locked; the caller's */
    struct maqet_vm *vm;
    const struct maqet_incoming *incoming; /* NULL: the guest boots */
    bool foreground;
    bool dies_with_us; /* QEMU is killed when maqet dies */
    int64_t timeout;   /* ms for all answers of QEMU */
    int run_fd;        /* the run file, locked for QEMU */
    int monitor_fd;    /* listening sockets */
    int socket_fd;     /* that of the monitor, as a file */
    int agent_fd;
    int network_fd; /* the host's end of the guest's network; -1: QEMU has its own */
    int log_fd;
    int signal_fd; /* in the foreground: maqet_signals_hold() */
    sigset_t signals_before;
    struct maqet_helpers helpers;
    struct maqet_keeper keeper; /* of the console; without descriptors: there is none */
    struct maqet_argument_locks locks;
};

struct maqet_launching maqet_launching_new(int64_t timeout, bool foreground);
void maqet_launching_clear(struct maqet_launching *launching);

#define _cleanup_launching_ _cleanup_(maqet_launching_clear)

/* Creates what QEMU will inherit, in the run folder. */
int maqet_launching_prepare(struct maqet_launching *launching, struct maqet_error **err);

/* Runs QEMU, and waits for its answer. The opened machine is running afterwards, or there
 * is no QEMU after an error, which says why. */
int maqet_launching_run(struct maqet_launching *launching, struct maqet_error **err);

#endif
