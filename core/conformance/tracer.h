/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - what a function does to others, and all that it runs: where it writes, and
 * which processes it leaves. A seccomp filter stops it at each system call that may change
 * a file, and we look at the arguments (seccomp(2), ptrace(2)). No privilege is needed,
 * and nothing is missed.
 */
#ifndef MAQET_CONFORMANCE_TRACER_H
#define MAQET_CONFORMANCE_TRACER_H

#include "core/base/error.h"

/*
 * Calls @call in a child and watches it. *outside gets what it did outside of @folders
 * (paths, ended by NULL) first, such as "unlink /tmp/x"; NULL: nothing; the caller frees.
 * Returns 0, or -1 with an error: MAQET_ERROR_UNSUPPORTED where the kernel lets nobody
 * watch.
 */
int tracer_run(void (*call)(void *data), void *data, const char *const *folders,
               char **outside, struct maqet_error **err);

/* Makes us the parent of every descendant whose own parent ends. */
void tracer_adopt(void);

/* Adds the PIDs of all children, those that have ended and were not waited for too. */
void tracer_list_children(struct maqet_strings *pids);

/* Kills and reaps all children that are not in @known. */
void tracer_end_children(const struct maqet_strings *known);

#endif
