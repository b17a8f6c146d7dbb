/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"

#include <time.h>

static int64_t
nanoseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
maqet_now(void)
{
    return nanoseconds(CLOCK_MONOTONIC) / 1000000;
}

double
maqet_now_exact(void)
{
    return (double)nanoseconds(CLOCK_MONOTONIC) / 1e6;
}

int64_t
maqet_realtime(void)
{
    return nanoseconds(CLOCK_REALTIME);
}

void
maqet_sleep(int64_t milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000,
                                 .tv_nsec = milliseconds % 1000 * 1000000},
              NULL);
}
