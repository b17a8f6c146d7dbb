/* SPDX-License-Identifier: MIT */
/*
 * syscalls.h - what a traced process (tracer.h) is about to do, by the arguments of its
 * system call.
 */
#ifndef MAQET_CONFORMANCE_SYSCALLS_H
#define MAQET_CONFORMANCE_SYSCALLS_H

#include <sys/types.h>

#include "core/base/error.h"

/* What a function may do, and the programs that it runs. Lists are ended by NULL. */
struct trace_rules {
    const char *const *folders; /* only files in these are changed */
    const char *const
        *readable;        /* the process itself reads only files in these, and those
                                  * of the system; NULL: any */
    bool descriptors;     /* the process itself opens none that a program would inherit */
    const char *secret;   /* no program gets it as an argument, or in its environment;
                           * NULL: none */
    const char *callback; /* the plugin's, in shared memory; NULL: not known */
};

/* The first of each that it must not do, such as "unlink /tmp/x in create"; NULL: none. */
struct trace_report {
    char *changed;
    char *read;
    char *inherited;
    char *revealed;
};

void trace_report_clear(struct trace_report *report);

#define _cleanup_trace_report_ _cleanup_(trace_report_clear)

/* A trace in progress. */
struct trace {
    const struct trace_rules *rules;
    struct trace_report *report;
    pid_t pid;    /* the process itself, not a program of it */
    char *opened; /* without close-on-exec, unless the next call sets it; NULL: none */
    bool unknown; /* the kernel does not say what is called */
};

/* In the child: has the kernel stop it at each system call that matters. Returns -1 if
 * that is not allowed. */
int syscalls_stop(void);

/* Judges the system call at which a process was stopped. */
void syscalls_judge(pid_t pid, struct trace *trace);

/* No call follows. */
void syscalls_end(struct trace *trace);

#endif
