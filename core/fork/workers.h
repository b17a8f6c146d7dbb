/* SPDX-License-Identifier: MIT */
/*
 * workers.h - makes forks in processes of their own, half as many again as this host has processors,
 * and three at least.
 */
#ifndef MAQET_FORK_WORKERS_H
#define MAQET_FORK_WORKERS_H

#include "core/fork/guests.h"
#include "core/fork/one.h"

/* Makes one of each name: of each, either *forked[i] gets it, with a name, or *errors[i]
 * says why it is not there. The caller clears both. What is to be done in their guests begins
 * for each as soon as it runs. */
void maqet_fork_workers_run(struct maqet_forking *forking,
                            const struct maqet_strings *names,
                            struct maqet_forked *forked, struct maqet_error **errors,
                            struct maqet_fork_guests *guests);

#endif
