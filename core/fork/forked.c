/* SPDX-License-Identifier: MIT */
#include "core/fork/forked.h"

const struct maqet_fields maqet_forked_fields = MAQET_FIELDS_OF(
    struct maqet_forked, {"name", MAQET_FIELD(struct maqet_forked, name)},
    {"uuid", MAQET_FIELD(struct maqet_forked, uuid)},
    {"source", MAQET_FIELD(struct maqet_forked, source)},
    {"checkpoint", MAQET_FIELD(struct maqet_forked, checkpoint)},
    {"pid", MAQET_FIELD(struct maqet_forked, pid)},
    {"ports", MAQET_FIELD(struct maqet_forked, ports)},
    {"discard", MAQET_FIELD(struct maqet_forked, discard)},
    {"exec_exit_code", MAQET_FIELD(struct maqet_forked, exec_exit_code),
     .known = MAQET_KNOWN(struct maqet_forked, exec_ended)},
    {"exec_stdout", MAQET_FIELD(struct maqet_forked, exec_stdout), .optional = true},
    {"exec_stderr", MAQET_FIELD(struct maqet_forked, exec_stderr), .optional = true});

void
maqet_forked_clear(struct maqet_forked *forked)
{
    maqet_fields_clear(&maqet_forked_fields, forked);
}

void
maqet_forks_clear(struct maqet_forks *forks)
{
    for (size_t i = 0; i < forks->count; i++)
        maqet_forked_clear(&forks->items[i]);
    free(forks->items);
    *forks = (struct maqet_forks){0};
}
