/* SPDX-License-Identifier: MIT */
/*
 * discard.h - forks that are removed when they have ended.
 */
#ifndef MAQET_FORK_DISCARD_H
#define MAQET_FORK_DISCARD_H

#include "core/machine/opened.h"

/* For context->recover: maqet_job_recover(), and the removal of such forks that have ended: of
 * those of the machine, and of the machine itself, which is MAQET_ERROR_MISSING then. */
int maqet_fork_recover(struct maqet_opened *machine, struct maqet_error **err);

/* Removes such a fork, which is opened with its lock, and has ended. */
int maqet_fork_remove(struct maqet_opened *machine, struct maqet_error **err);

/* Removes a machine that was stopped, if it is such a fork. While it has forks itself, it stays, and
 * a warning says so. */
int maqet_fork_settle(const struct maqet_context *context, const char *name,
                      struct maqet_error **err);

#endif
