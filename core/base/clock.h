/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the time, sleeping, and deadlines: several waits of one request share a
 * deadline, so that together they last no longer than the request allows.
 */
#ifndef MAQET_BASE_CLOCK_H
#define MAQET_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock: whole, and with its full precision. */
int64_t maqet_now(void);
double maqet_now_exact(void);

/* Nanoseconds since 1970. */
int64_t maqet_realtime(void);

/* Sleeps for some milliseconds, or until a signal arrives. */
void maqet_sleep(int64_t milliseconds);

struct maqet_deadline {
    int64_t end; /* on the clock of maqet_now(); negative: no limit */
};

/* The deadline @timeout ms from now; negative: none. */
static inline struct maqet_deadline
maqet_deadline_in(int64_t timeout)
{
    return (struct maqet_deadline){.end = timeout < 0 ? -1 : maqet_now() + timeout};
}

/* The ms that are left: 0 if it has passed, -1 without a limit. */
static inline int64_t
maqet_deadline_left(struct maqet_deadline deadline)
{
    int64_t left = deadline.end - maqet_now();

    if (deadline.end < 0)
        return -1;
    return left > 0 ? left : 0;
}

#endif
