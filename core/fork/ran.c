/* SPDX-License-Identifier: MIT */
#include "core/fork/ran.h"

#include <stdlib.h>

const char *
maqet_ran_status_name(unsigned status)
{
    static const char *const names[] = {
        [MAQET_RAN_PASSED] = "passed",
        [MAQET_RAN_FAILED] = "failed",
        [MAQET_RAN_LATE] = "late",
        [MAQET_RAN_ERROR] = "error",
    };

    return status < sizeof(names) / sizeof(*names) ? names[status] : NULL;
}

const struct maqet_fields maqet_ran_fields = MAQET_FIELDS_OF(
    struct maqet_ran, {"number", MAQET_FIELD(struct maqet_ran, number)},
    {"command", MAQET_FIELD(struct maqet_ran, command)},
    {"status", MAQET_FIELD_WORD(struct maqet_ran, status, maqet_ran_status_name)},
    {"exit_code", MAQET_FIELD(struct maqet_ran, exit_code)},
    {"duration", MAQET_FIELD(struct maqet_ran, duration)},
    {"message", MAQET_FIELD(struct maqet_ran, message), .optional = true},
    {"log", MAQET_FIELD(struct maqet_ran, log)},
    {"console_log", MAQET_FIELD(struct maqet_ran, console_log)});

void
maqet_rans_clear(struct maqet_rans *rans)
{
    for (size_t i = 0; i < rans->count; i++)
        maqet_fields_clear(&maqet_ran_fields, &rans->items[i]);
    free(rans->items);
    *rans = (struct maqet_rans){0};
}
