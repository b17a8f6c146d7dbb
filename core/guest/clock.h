/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the clock of a guest, by its agent.
 */
#ifndef MAQET_GUEST_CLOCK_H
#define MAQET_GUEST_CLOCK_H

#include "core/machine/opened.h"

/* Sets it to the time of this host. The agent has @timeout ms for each answer. */
int maqet_guest_clock_set(struct maqet_opened *machine, int64_t timeout,
                          struct maqet_error **err);

#endif
