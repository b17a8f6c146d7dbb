/* SPDX-License-Identifier: MIT */
/*
 * relocation_guard.h - while a guest is paused for its drive to get another image, a child waits
 * for maqet to die, and then recovers the machine as the next command would: a guest whose device has
 * no image cannot just be resumed. Nor can maqet be suspended meanwhile (Ctrl-Z).
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_GUARD_H
#define MAQET_LIFECYCLE_RELOCATION_GUARD_H

#include <signal.h>

#include "core/base/child.h"
#include "core/machine/opened.h"

struct maqet_relocation_guard {
    struct maqet_child child;
    sigset_t before; /* the signal mask to restore */
};

/* Of a machine that runs, and has a job. */
int maqet_relocation_guard_begin(struct maqet_relocation_guard *guard,
                                 const struct maqet_opened *machine,
                                 struct maqet_error **err);

/* @runs: the guest is running again. Else the guard recovers it if that is still to be done when the
 * machine's lock is free. */
void maqet_relocation_guard_end(struct maqet_relocation_guard *guard, bool runs);

#endif
