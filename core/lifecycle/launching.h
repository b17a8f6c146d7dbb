/* SPDX-License-Identifier: MIT */
/*
 * launching.h - the part of a start in which QEMU comes up: the run folder gets what it
 * will inherit, QEMU is run, and it answers.
 */
#ifndef MAQET_LIFECYCLE_LAUNCHING_H
#define MAQET_LIFECYCLE_LAUNCHING_H

#include <signal.h>

#include "core/lifecycle/start.h"
#include "core/machine/arguments.h"
#include "core/machine/helpers.h"
#include "core/machine/opened.h"

/* What a start holds while it is under way. */
struct maqet_launching {
    struct maqet_opened *machine;          /* locked; the caller's */
    struct maqet_vm *vm;                   /* that is to run */
    const struct maqet_incoming *incoming; /* NULL: the guest boots */
    bool foreground;
    bool dies_with_us; /* QEMU is killed when we die */
    int64_t timeout; /* ms that QEMU has to answer all that it is asked */
    int run_fd;      /* the run file, locked for QEMU */
    int monitor_fd;  /* listening sockets */
    int socket_fd;   /* that of the monitor, as a file */
    int agent_fd;
    int log_fd;
    int signal_fd; /* in the foreground: signals that mean "end", kept from us */
    sigset_t signals_before;
    struct maqet_helpers helpers;
    struct maqet_argument_locks locks;
};

struct maqet_launching maqet_launching_new(int64_t timeout, bool foreground);
void maqet_launching_clear(struct maqet_launching *launching);

#define _cleanup_launching_ _cleanup_(maqet_launching_clear)

/* Puts into the run folder what QEMU will inherit. */
int maqet_launching_prepare(struct maqet_launching *launching, struct maqet_error **err);

/* Runs QEMU, and waits for its answer: the opened machine runs then. After an error there
 * is no QEMU, and the words tell why. */
int maqet_launching_run(struct maqet_launching *launching, struct maqet_error **err);

#endif
