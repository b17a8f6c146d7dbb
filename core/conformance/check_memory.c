/* SPDX-License-Identifier: MIT */
/*
 * check_memory.c - memory that callbacks allocate and do not free.
 */
#include <inttypes.h>
#include <sys/resource.h>

#include "core/base/clock.h"
#include "core/conformance/checks.h"
#include "core/conformance/footprint.h"
#include "core/conformance/scenarios.h"

/* Calls in a row; those of the first row may load libraries and fill caches. A callback
 * that runs a program is slow. */
enum { CALLS = 8, CALLS_OF_PROGRAMS = 3, ROWS = 12 };

/* ms of a call after which there is one call in a row: some formats take seconds for a
 * key. */
static const int64_t SLOW = 400;

/* Bytes for each call that are no fault: allocators round, keep some of what is freed
 * (that which has received the output of a program has any size), and map more than they
 * need. */
enum { ALLOCATED_SLACK = 32, ALLOCATED_SLACK_OF_PROGRAMS = 4096 };
static const uint64_t MAPPED_SLACK = 1 << 20;

/* Bytes after which no further call is made. */
static const uint64_t MAPPED_LIMIT = UINT64_C(256) << 20;

/* Makes calls until one has mapped too much. Returns how many; 0: there is no such
 * callback. */
static int
call_often(const struct scenario *scenario, struct bench *bench, int count)
{
    struct footprint_memory before = footprint_of_memory();

    for (int i = 1; i <= count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (scenario_call(scenario, bench, &error) == SCENARIO_NONE)
            return 0;
        if (footprint_of_memory().mapped > before.mapped + MAPPED_LIMIT)
            return i;
    }
    return count;
}

static uint64_t
growth(uint64_t before, uint64_t after, int calls)
{
    return calls > 0 && after > before ? (after - before) / (uint64_t)calls : 0;
}

/* Bytes that each call leaves: the least of several rows, since the C library keeps some
 * of what is freed for later, but not more and more. */
static uint64_t
leak_of(const struct scenario *scenario, struct bench *bench, int count, uint64_t slack)
{
    uint64_t least = UINT64_MAX;

    for (int i = 1; i < ROWS && least > slack; i++) {
        struct footprint_memory before = footprint_of_memory();
        int calls = call_often(scenario, bench, count);
        struct footprint_memory after = footprint_of_memory();
        uint64_t allocated = growth(before.allocated, after.allocated, calls);
        uint64_t mapped = growth(before.mapped, after.mapped, calls);
        uint64_t most = mapped > MAPPED_SLACK && mapped > allocated ? mapped : allocated;

        if (most > MAPPED_LIMIT / (uint64_t)count)
            return most;
        if (most < least)
            least = most;
    }
    return least > slack ? least : 0;
}

/* A number that grows with each program that was run. */
static long
programs_run(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static int
check_scenario(const struct scenario *scenario, struct bench *bench,
               struct maqet_error **err)
{
    long begun = programs_run();

    int64_t start = maqet_now();

    if (call_often(scenario, bench, 1) == 0)
        return 0;
    bool runs = programs_run() > begun;
    int count = maqet_now() - start > SLOW ? 1 : runs ? CALLS_OF_PROGRAMS : CALLS;
    call_often(scenario, bench, count);
    /* Of a few calls it is not known whether the next one would leave as much. */
    uint64_t leak =
        leak_of(scenario, bench, count,
                count < CALLS ? ALLOCATED_SLACK_OF_PROGRAMS : ALLOCATED_SLACK);
    return leak == 0 ? 0
                     : bench_fail(err, "Free what it allocates, also after failures",
                                  "each call of %s leaves %" PRIu64
                                  " bytes of memory allocated",
                                  scenario->name, leak);
}

static int
check_memory(struct bench *bench, struct maqet_error **err)
{
    bench_prepare(bench->drive, NULL);
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
        if (!(scenario->needs & MAKES_DRIVE) && check_scenario(scenario, bench, err) < 0)
            return -1;
    return 0;
}

const struct check checks_of_memory[] = {
    {"memory", OF_BOTH, NEEDS_DRIVE, 60, check_memory,
     "Callbacks free the memory that they allocate"},
    {0},
};
