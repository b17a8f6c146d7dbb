/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the time, and waiting for it to pass.
 */
#ifndef MAQET_BASE_CLOCK_H
#define MAQET_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock, whole and as exactly as it has them. */
int64_t maqet_now(void);
double maqet_now_exact(void);

/* Nanoseconds since 1970, by the clock that files are dated with. */
int64_t maqet_realtime(void);

/* Sleeps for some milliseconds, or until a signal comes. */
void maqet_sleep(int64_t milliseconds);

#endif
