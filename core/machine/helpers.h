/* SPDX-License-Identifier: MIT */
/*
 * helpers.h - the programs that run beside QEMU for drives that need one, as their
 * plugins describe them. Here they are prepared; a supervisor starts them and ends them
 * with QEMU (core/machine/supervisor.h); and those that are left are ended here, too.
 */
#ifndef MAQET_MACHINE_HELPERS_H
#define MAQET_MACHINE_HELPERS_H

#include "core/machine/vm.h"
#include "core/machine/supervisor.h"

struct maqet_helpers {
    struct maqet_supervised *items;
    struct maqet_command **commands; /* whose words the items point to */
    size_t count;
    int record_fd; /* RUNTIME/NAME/helpers, where they write their PIDs; -1: no helpers */
};

#define MAQET_HELPERS_INIT                                                               \
    {                                                                                    \
        .record_fd = -1                                                                  \
    }

/* Asks the plugins of these drives, and makes the sockets, which listen. */
int maqet_helpers_prepare(struct maqet_drive *const *drives, size_t count, int dir_fd,
                          struct maqet_helpers *helpers, struct maqet_error **err);

/* Starts them beside a QEMU that runs, whose pidfd is given; what they print goes to the
 * log (-1: to our standard error). The sockets may be closed then. */
int maqet_helpers_start(const struct maqet_helpers *helpers, int pidfd, int log_fd,
                        const char *folder, struct maqet_error **err);

/* Asks them without making anything, and looks for the programs. */
int maqet_helpers_check(struct maqet_drive *const *drives, size_t count,
                        struct maqet_error **err);
void maqet_helpers_clear(struct maqet_helpers *helpers);

#define _cleanup_helpers_ _cleanup_(maqet_helpers_clear)

/* Waits for the helpers of a QEMU that has ended, ends those that stay, and removes their
 * sockets and their record from the folder. Before it anybody looks at the drives or
 * changes them: a helper may have something to write yet. The machine's lock is held. */
void maqet_helpers_end(int dir_fd);

#endif
