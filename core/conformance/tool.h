/* SPDX-License-Identifier: MIT */
/*
 * tool.h - a faulty qemu-img: a script, first in PATH, that a plugin runs with
 * maqet_run() and the like.
 */
#ifndef MAQET_CONFORMANCE_TOOL_H
#define MAQET_CONFORMANCE_TOOL_H

#include "core/conformance/bench.h"

enum tool {
    TOOL_FAILS, /* prints TOOL_WORDS and exits with 1 */
    TOOL_SLOW,  /* does its work, waits for a second, creates a file and ends */
    TOOL_HANGS, /* never ends by itself */
};

/* The error message of one that fails. */
#define TOOL_WORDS "maqet-check: the disk has caught fire"

/* Puts it first in PATH. -1: there is no real qemu-img, or the script can't be
 * created. */
int tool_replace(struct bench *bench, enum tool tool);
void tool_restore(struct bench *bench);

/* The PID that it had when it was run; 0: it was not run. And whether the slow one has
 * ended. */
int tool_called(const struct bench *bench);
bool tool_finished(const struct bench *bench);

#endif
