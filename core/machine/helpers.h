/* SPDX-License-Identifier: MIT */
/*
 * helpers.h - programs that run beside QEMU for drives that need one, as their plugins
 * describe them. A process of maqet's own, the supervisor, starts them, waits for QEMU's
 * end, and then ends them. If it is killed, the kernel sends them SIGTERM. It is neither
 * a child nor the parent of QEMU, so QEMU's limits and user do not apply to it and to
 * them.
 */
#ifndef MAQET_MACHINE_HELPERS_H
#define MAQET_MACHINE_HELPERS_H

#include "core/machine/helpers_record.h"
#include "core/machine/vm.h"

/* A program. Its standard input is empty, and it has a session of its own. */
struct maqet_helper {
    const char *drive; /* for errors */
    const char *path;  /* owned */
    const char *const *argv;
    const struct maqet_strings *environment; /* changes of ours; NULL: none */
    struct maqet_command *command;           /* that both are from */
    int socket_fd; /* listening; the program gets it as MAQET_HELPER_FD, as by systemd's
                    * socket activation (sd_listen_fds(3)) */
};

struct maqet_helpers {
    struct maqet_helper *items;
    size_t count;
    int record_fd; /* RUNTIME/NAME/helpers, open for appending: each program adds a line
                    * "PID START DRIVE" (proc(5), field 22 of stat). Supervisors share a lock on
                    * it until they end. -1: no helpers */
    int64_t patience; /* ms in which they must end when they are told to */
};

#define MAQET_HELPERS_INIT                                                               \
    {                                                                                    \
        .record_fd = -1, .patience = MAQET_HELPERS_PATIENCE                              \
    }

/* Asks the plugins of these drives, and creates the sockets, which listen, and the record
 * in the run folder (-1: none of this is created). */
int maqet_helpers_prepare(struct maqet_drive *const *drives, size_t count, int dir_fd,
                          struct maqet_helpers *helpers, struct maqet_error **err);

/* Asks them without creating anything, and looks for the programs. */
int maqet_helpers_check(struct maqet_drive *const *drives, size_t count,
                        struct maqet_error **err);

/* Starts them beside the QEMU of the pidfd, and returns when all of them run. Then the
 * sockets may be closed. Their output goes to the log (-1: to our standard error). They
 * work in @folder if it exists. -1: one cannot run, and the others are ended. */
int maqet_helpers_start(const struct maqet_helpers *helpers, int pidfd, int log_fd,
                        const char *folder, struct maqet_error **err);
void maqet_helpers_clear(struct maqet_helpers *helpers);

#define _cleanup_helpers_ _cleanup_(maqet_helpers_clear)

#endif
