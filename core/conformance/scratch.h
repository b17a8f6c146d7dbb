/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - the folder of one run of the kit, below TMPDIR. It is removed with us, even if
 * we are killed.
 */
#ifndef MAQET_CONFORMANCE_SCRATCH_H
#define MAQET_CONFORMANCE_SCRATCH_H

#include "core/base/child.h"
#include "core/base/error.h"

struct scratch {
    char *folder; /* NULL: there is none */
    struct maqet_child janitor;
};

#define SCRATCH_INIT                                                                     \
    {                                                                                    \
        .janitor = MAQET_CHILD_INIT                                                      \
    }

/* Makes the folder. @plugin is for the hint. */
int scratch_make(struct scratch *scratch, const char *plugin, struct maqet_error **err);

/* In a child: lets go of what only we may hold. */
void scratch_leave(const struct scratch *scratch);

/* Removes a folder in it, and everything. */
void scratch_remove(const char *folder);
void scratch_end(struct scratch *scratch);

#endif
