/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - what a function and the programs that it runs do with files and descriptors,
 * and which processes they leave behind. A seccomp filter stops them at each system call
 * that matters, so that the arguments can be read (seccomp(2), ptrace(2)). That needs no
 * privilege.
 */
#ifndef MAQET_CONFORMANCE_TRACER_H
#define MAQET_CONFORMANCE_TRACER_H

#include "core/conformance/syscalls.h"

/* Calls @call in a child and traces it. @report, which is empty, gets what breaks the
 * rules. MAQET_ERROR_UNSUPPORTED: the kernel does not allow tracing. */
int tracer_run(void (*call)(void *data), void *data, const struct trace_rules *rules,
               struct trace_report *report, struct maqet_error **err);

/* Makes us the parent of every descendant whose parent ends. */
void tracer_adopt(void);

/* Adds the PIDs of all children, including those that have ended and were not reaped. */
void tracer_list_children(struct maqet_strings *pids);

/* Kills and reaps all children that are not in @known. */
void tracer_end_children(const struct maqet_strings *known);

#endif
