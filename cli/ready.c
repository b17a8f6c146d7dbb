/* SPDX-License-Identifier: MIT */
#include "cli/ready.h"

#include "core/base/clock.h"
#include "core/guest/ready.h"

int
ready_check(const struct invocation *invocation, const char *name,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings conditions = MAQET_STRINGS_INIT;
    struct maqet_ready ready;

    invocation_texts(invocation, name, &conditions);
    for (size_t i = 0; i < conditions.count; i++)
        if (!maqet_ready_parse(conditions.items[i], &ready))
            return usage_error(invocation, err,
                               "Option '--%s' takes one of " MAQET_READY_FORMS
                               ", not '%s'",
                               name, conditions.items[i]);
    return 0;
}

int
ready_wait(const struct invocation *invocation, const char *name, const char *vm,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings conditions = MAQET_STRINGS_INIT;
    const int64_t timeout = invocation_milliseconds(invocation, "timeout");
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    struct maqet_ready ready;

    invocation_texts(invocation, name, &conditions);
    for (size_t i = 0; i < conditions.count; i++)
        if (maqet_ready_parse(conditions.items[i], &ready) &&
            maqet_ready_wait(&invocation->context, vm, &ready,
                             maqet_deadline_left(deadline), err) < 0)
            return -1;
    return 0;
}
