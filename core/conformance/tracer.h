/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - which files a function and the programs that it runs write, and which
 * processes they leave behind. A seccomp filter stops them at each system call that may
 * change a file, so that the arguments can be read (seccomp(2), ptrace(2)). That needs no
 * privilege.
 */
#ifndef MAQET_CONFORMANCE_TRACER_H
#define MAQET_CONFORMANCE_TRACER_H

#include "core/base/error.h"

/* Calls @call in a child and traces it. *outside gets the first change outside of
 * @folders (which NULL ends), such as "unlink /tmp/x"; NULL: none; the caller frees.
 * MAQET_ERROR_UNSUPPORTED: the kernel does not allow tracing. */
int tracer_run(void (*call)(void *data), void *data, const char *const *folders,
               char **outside, struct maqet_error **err);

/* Makes us the parent of every descendant whose parent ends. */
void tracer_adopt(void);

/* Adds the PIDs of all children, including those that have ended and were not reaped. */
void tracer_list_children(struct maqet_strings *pids);

/* Kills and reaps all children that are not in @known. */
void tracer_end_children(const struct maqet_strings *known);

#endif
