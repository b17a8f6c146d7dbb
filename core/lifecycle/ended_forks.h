/* SPDX-License-Identifier: MIT */
/*
 * ended_forks.h - forks that are discarded, and have ended: runs whose maqet was killed, and those
 * whose guest has powered off. Opening one with its lock removes it (context->recover()).
 */
#ifndef MAQET_LIFECYCLE_ENDED_FORKS_H
#define MAQET_LIFECYCLE_ENDED_FORKS_H

#include "core/machine/opened.h"

/* Whether a machine is such a fork, and nobody runs a command beside it. */
bool maqet_fork_has_ended(const struct maqet_context *context, const char *name);

/* Removes it, and its own forks that have ended before it; or, if a job of it was interrupted, recovers
 * that. A machine that somebody works on stays as it is, without an error. */
int maqet_ended_fork_sweep(const struct maqet_context *context, const char *name,
                           struct maqet_error **err);

/* The same for the discarded forks of a machine, as far as possible. Nothing, if it is not locked. */
void maqet_ended_forks_sweep(const struct maqet_opened *machine);

#endif
