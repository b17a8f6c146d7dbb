/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - where a function, and all that it runs, writes: a seccomp filter stops the
 * process at each system call that may change a file, and we look at its arguments
 * (seccomp(2), ptrace(2)). No privilege is needed, and nothing is missed.
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

#endif
