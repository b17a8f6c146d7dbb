/* SPDX-License-Identifier: MIT */
#include "core/plugin/call.h"

#include "core/base/clock.h"
#include "core/base/files.h"

/* ms between two things that are shown of a call. */
static const int64_t SHOW_INTERVAL = 100;

/* The call that is under way; a deadline of 0: none. */
static struct maqet_call current;

struct maqet_call
maqet_call_begin(int64_t limit)
{
    struct maqet_call outer = current;
    int64_t now = maqet_now();

    if (outer.deadline == 0)
        current.begun = now;
    if (outer.deadline == 0 || now + limit < outer.deadline)
        current.deadline = now + limit;
    current.of_interface = false;
    return outer;
}

void
maqet_call_end(struct maqet_call *outer)
{
    current = *outer;
}

void
maqet_call_log_set(const char *log)
{
    current.log = log;
}

const char *
maqet_call_log(void)
{
    return current.log;
}

void
maqet_call_sign_set(maqet_call_sign *sign, const void *about)
{
    current.sign = sign;
    current.about = about;
}

void
maqet_call_of_interface_set(void)
{
    current.of_interface = true;
}

bool
maqet_call_is_of_interface(void)
{
    return current.of_interface;
}

void
maqet_call_give_sign(const char *const *argv, int64_t elapsed)
{
    if (current.sign)
        current.sign(current.about, argv, elapsed);
}

int64_t
maqet_call_left(void)
{
    int64_t left = current.deadline - maqet_now();

    if (current.deadline == 0)
        return MAQET_CALL_LONG;
    return left > 0 ? left : 0;
}

bool
maqet_call_is_shown(void)
{
    static int64_t shown;
    int64_t now = maqet_now();

    if (shown != 0 && now - shown < SHOW_INTERVAL)
        return false;
    shown = now;
    return true;
}

int64_t
maqet_call_elapsed(void)
{
    return current.deadline == 0 ? 0 : maqet_now() - current.begun;
}
