/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - programs that run beside a QEMU and end with it, however it ends: a
 * process of maqet's own starts them, waits for QEMU's end and then ends them. When that
 * process is killed itself, the kernel sends them SIGTERM. It can be started when QEMU is,
 * or at any time while QEMU runs.
 *
 * It is neither QEMU's child nor its parent, so QEMU's limits and QEMU's user don't
 * concern it, nor the programs.
 */
#ifndef MAQET_MACHINE_SUPERVISOR_H
#define MAQET_MACHINE_SUPERVISOR_H

#include "core/base/error.h"

/* A program. Its standard input is empty; it has a session of its own. */
struct maqet_supervised {
    const char *drive; /* whose it is, for errors */
    const char *path;
    const char *const *argv;
    int socket_fd; /* listening; it finds it as MAQET_HELPER_FD, and is told of it as
                    * systemd's socket activation would (sd_listen_fds(3)) */
};

struct maqet_supervision {
    const struct maqet_supervised *programs;
    size_t count;
    int pidfd;     /* QEMU's */
    int record_fd; /* open for appending: each program adds the line "PID START" to it,
                      * START being the time of its start (proc(5), field 22 of stat).
                      * Supervisors have it locked until they end, and share the lock. */
    int log_fd;    /* what programs print goes there; -1: to our standard error */
    const char *folder; /* where they work, when it is there; NULL: where we do */
    int64_t patience;   /* ms that they have to end when they are told to */
};

/* Starts the programs, and returns when all of them run; the descriptors stay the
 * caller's. -1: one can't be run, and those that did are ended. */
int maqet_supervise(const struct maqet_supervision *supervision,
                    struct maqet_error **err);

#endif
