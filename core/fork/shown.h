/* SPDX-License-Identifier: MIT */
/*
 * shown.h - what the guest of a run sees of the source's drives: the content of the checkpoint, to
 * which QEMU adds what the guest writes, in temporary files. A frozen overlay is read as it is; a
 * snapshot inside an image is offered by a server.
 */
#ifndef MAQET_FORK_SHOWN_H
#define MAQET_FORK_SHOWN_H

#include "core/fork/one.h"
#include "core/storage/served.h"

struct maqet_fork_shown {
    struct maqet_shown *items;
    size_t count;
    struct maqet_served *servers;
    size_t server_count;
};

/* Adds the drives of which that is so: of a run, all that it would have an image of; of another fork,
 * those of the part MAQET_PART_SHOWN. */
void maqet_fork_list_shown(const struct maqet_forking *forking,
                           struct maqet_strings *drives);

/* Whether the source's snapshots can be read now: it may run. */
int maqet_fork_check_readable(const struct maqet_forking *forking,
                              struct maqet_error **err);

/* Starts the servers, with sockets in @folder, which end with us. The caller clears @shown also
 * after an error. */
int maqet_fork_show(const struct maqet_forking *forking, const char *folder,
                    struct maqet_fork_shown *shown, struct maqet_error **err);

/* Ends the servers. */
void maqet_fork_shown_clear(struct maqet_fork_shown *shown);

#endif
