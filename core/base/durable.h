/* SPDX-License-Identifier: MIT */
/*
 * durable.h - what was written goes to the disk: at once, or that of many steps together, if nothing
 * before the last step is worth anything without it. The disk gets many files in about the time of
 * one. The content of a file that replaces another one is synced before in any case (replacement.h).
 */
#ifndef MAQET_BASE_DURABLE_H
#define MAQET_BASE_DURABLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"

/* What is to be synced together. A child does not have it: what it writes is synced at once. */
struct maqet_durable {
    struct maqet_strings paths;
    pid_t process;
};

/* From here on, what is written is noted in @group (NULL: synced at once). Returns what applied
 * before, to return to. */
struct maqet_durable *maqet_durable_postpone(struct maqet_durable *group);

/* Syncs an open file or folder, or notes the absolute path that it has, or is about to get. Returns 0, or -1
 * and errno. */
int maqet_durable_sync(int fd, const char *path);

/* Whether syncs are postponed. */
bool maqet_durable_is_postponed(void);

/* Syncs all that was noted, and forgets it. What was removed meanwhile is fine. */
int maqet_durable_settle(struct maqet_durable *group, struct maqet_error **err);

/* Forgets it: it need not survive a power failure. */
void maqet_durable_forget(struct maqet_durable *group);

#endif
