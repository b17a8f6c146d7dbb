/* SPDX-License-Identifier: MIT */
#include "core/guest/clock.h"

#include <time.h>

#include "core/base/json.h"
#include "core/guest/agent.h"
#include "core/guest/program.h"

static const int64_t NANOSECONDS = INT64_C(1000000000);

/* ns since 1970. */
static int64_t
time_here(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

/* The time is read when the agent has answered, which may take long. */
static int
set_by_agent(struct maqet_opened *machine, int64_t timeout, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_guest_agent_open(machine, timeout, err);

    if (!agent)
        return -1;
    _cleanup_json_ json_object *answer = maqet_agent_execute(
        agent, "guest-set-time",
        maqet_json_object("time", json_object_new_int64(time_here()), NULL), timeout,
        &reason);
    if (answer)
        return 0;
    maqet_error_wrap(&reason, "VM '%s'", machine->name);
    return maqet_error_move(err, reason);
}

static int
set_by_date(struct maqet_opened *machine, int64_t timeout, struct maqet_error **err)
{
    _cleanup_guest_end_ struct maqet_guest_end end = {0};
    _cleanup_free_ char *moment =
        maqet_format("@%lld", (long long)((time_here() + NANOSECONDS / 2) / NANOSECONDS));
    const struct maqet_guest_program date = {
        .argv = (const char *const[]){"date", "-u", "-s", moment, NULL},
        .answer_timeout = timeout,
        .timeout = timeout};

    return maqet_guest_run(machine, &date, &end, err) < 0 || end.exit_code != 0 ? -1 : 0;
}

/* The agent also sets the clock of the hardware, by hwclock(8): if the guest has none, it
 * refuses to set any, or says so afterwards. */
int
maqet_guest_clock_set(struct maqet_opened *machine, int64_t timeout,
                      struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL, *other = NULL;

    if (set_by_agent(machine, timeout, &reason) == 0 ||
        (reason->refused && set_by_date(machine, timeout, &other) == 0))
        return 0;
    /* An interrupt is not to be lost; of other errors, the first says more. */
    return maqet_error_move(err,
                            other && other->signal ? TAKE_PTR(other) : TAKE_PTR(reason));
}
