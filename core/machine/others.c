/* SPDX-License-Identifier: MIT */
#include "core/machine/others.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/machine/store.h"

enum { TRIES = 24 };

/* ms. A single change is over at once; several forks are added at the same time. */
static int64_t
pause_before(unsigned try)
{
    static const int64_t LONGEST = 50;
    int64_t pause = INT64_C(1) << (try - 1);

    return pause < LONGEST ? pause : LONGEST;
}

static bool
are_equal(const struct maqet_strings *one, const struct maqet_strings *other)
{
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(one->items[i], other->items[i]) != 0)
            return false;
    return true;
}

int
maqet_others_look_through(const struct maqet_context *context, maqet_others_look *look,
                          void *data, struct maqet_error **err)
{
    for (unsigned try = 0; try < TRIES; try++) {
        _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
        _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;

        if (try > 0)
            maqet_sleep(pause_before(try));
        if (maqet_store_list(context, &names, err) < 0)
            return -1;
        look(data, &names);
        if (maqet_store_list(context, &now, err) < 0)
            return -1;
        if (are_equal(&names, &now))
            return 0;
    }
    return maqet_error_set(err, MAQET_ERROR_STATE,
                           "VMs in %s are added, removed or renamed all the time",
                           context->data_dir);
}
