/* SPDX-License-Identifier: MIT */
/*
 * warnings.h - what a user should know of the forks of a checkpoint before they are made.
 */
#ifndef MAQET_FORK_WARNINGS_H
#define MAQET_FORK_WARNINGS_H

#include "core/fork/one.h"

/* Warns about it; the source is open, and the forks are planned. */
void maqet_fork_warn(const struct maqet_forking *forking);

#endif
