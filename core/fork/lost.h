/* SPDX-License-Identifier: MIT */
/*
 * lost.h - what has become of a fork whose process has ended before it could report that.
 */
#ifndef MAQET_FORK_LOST_H
#define MAQET_FORK_LOST_H

#include "core/fork/one.h"

/* Recovers its job, if it has one: the fork is complete, and *forked gets it, or it is an error that says what
 * is left of it. The caller clears *forked in any case. The process has ended. */
int maqet_fork_find_lost(const struct maqet_forking *forking, const char *name,
                         struct maqet_forked *forked, struct maqet_error **err);

#endif
