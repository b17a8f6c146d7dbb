/* SPDX-License-Identifier: MIT */
#include "core/fork/watch.h"

#include <poll.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/machine/scratch.h"
#include "core/machine/state.h"
#include "core/storage/space.h"

/* ms between two looks at the guest. QEMU serves one client, so the monitor is left free for a command
 * most of the time; and a look for which we get no answer delays what we wait for, and our end. */
static const int64_t LOOK_INTERVAL = 1000, LOOK_INTERVAL_BESIDE = 5000,
                     LOOK_INTERVAL_MAX = 60000;

/* A look may take that part of the interval. A host may be too slow for the first limit beside a
 * command, but not for those after longer intervals. */
enum { LOOK_PART = 1, LOOK_PART_BESIDE = 50 };

/* Waits for the end of a process, @timeout ms at most (negative: no limit). False: it has not ended;
 * *number gets the signal that we have got, or 0. */
static bool
wait_for(int pidfd, int64_t timeout, int *number)
{
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    int64_t left;

    *number = 0;
    do {
        _cleanup_error_ struct maqet_error *interrupt = NULL;
        struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};

        left = maqet_deadline_left(deadline);
        poll(fds, 2, (int)left);
        if (fds[0].revents)
            return true;
        if (maqet_interrupt_check(&interrupt) < 0) {
            *number = interrupt->signal;
            return false;
        }
    } while (left != 0);
    return false;
}

/* ---- the guest ---- */

/* What it writes is in temporary files, which have no names by which they could be found. */
static int
error_no_space(const char *name, const struct maqet_state *state,
               struct maqet_error **err)
{
    const char *folder = maqet_scratch_folder();
    uint64_t available = 0;
    bool measured = maqet_space_available(folder, &available);
    _cleanup_free_ char *size = maqet_text_bytes(available);

    maqet_error_set(
        err, MAQET_ERROR_NO_SPACE,
        "The guest of VM '%s' is paused and was ended: there is no space in %s "
        "for what it writes to drive '%s'%s%s%s",
        name, folder, state->full.items[0].drive, measured ? "; " : "",
        measured ? size : "", measured ? " are free" : "");
    maqet_error_hint(err,
                     "Free up disk space in %s, or set TMPDIR to another folder, and run "
                     "it again",
                     folder);
    return -1;
}

static int
error_failed(const char *name, const struct maqet_state *state, struct maqet_error **err)
{
    _cleanup_free_ char *drives = maqet_strings_list(&state->failed);

    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "The guest of VM '%s' is paused and was ended: it could not read or "
                    "write %s%s",
                    name, state->failed.count > 0 ? "drive " : "one of its drives",
                    drives);
    maqet_error_hint(err, "Repair what that drive is stored on, and run it again");
    return -1;
}

/* QEMU pauses a guest for a write that has failed, and for a panic, and does not end. A command may want
 * to see either, but not that its guest has no space. *answered: whether QEMU did in time. */
static int
check_runs(const struct maqet_fork_watch *watch, int64_t limit, bool *answered,
           struct maqet_error **err)
{
    const char *name = watch->machine->name;
    _cleanup_state_ struct maqet_state state = {0};

    *answered = maqet_state_read_within(watch->machine->context, name, limit, &state,
                                        NULL) == 0 &&
                state.response == MAQET_RESPONSE_GIVEN;
    if (state.pause == MAQET_PAUSE_FULL)
        return error_no_space(name, &state, err);
    if (!watch->alone)
        return 0;
    if (state.pause == MAQET_PAUSE_ERROR)
        return error_failed(name, &state, err);
    return state.status == MAQET_STATUS_PANICKED
               ? maqet_error_set(err, MAQET_ERROR_FAILED,
                                 "The kernel of the guest of VM '%s' has panicked", name)
               : 0;
}

/* The time until the next look. */
static int64_t
next_interval(const struct maqet_fork_watch *watch, int64_t interval, bool answered)
{
    if (watch->alone)
        return LOOK_INTERVAL;
    if (answered)
        return LOOK_INTERVAL_BESIDE;
    return interval < LOOK_INTERVAL_MAX / 2 ? 2 * interval : LOOK_INTERVAL_MAX;
}

bool
maqet_fork_watch(const struct maqet_fork_watch *watch, int *number, bool *late,
                 struct maqet_error **stuck)
{
    const struct maqet_deadline deadline = maqet_deadline_in(watch->timeout);
    const int part = watch->alone ? LOOK_PART : LOOK_PART_BESIDE;
    int64_t interval = next_interval(watch, 0, true);

    *late = false;
    for (;;) {
        int64_t left = maqet_deadline_left(deadline);
        bool answered, last = left >= 0 && left <= interval;

        if (wait_for(watch->pidfd, last ? left : interval, number))
            return true;
        *late = last && *number == 0;
        if (*late || *number != 0 ||
            check_runs(watch, interval / part, &answered, stuck) < 0)
            return false;
        interval = next_interval(watch, interval, answered);
    }
}
