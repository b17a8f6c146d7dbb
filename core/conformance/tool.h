/* SPDX-License-Identifier: MIT */
/*
 * tool.h - a qemu-img that is not as it should be: a script of ours, first in PATH, for
 * what a plugin runs by maqet_run() and its like.
 */
#ifndef MAQET_CONFORMANCE_TOOL_H
#define MAQET_CONFORMANCE_TOOL_H

#include "core/conformance/bench.h"

enum tool {
    TOOL_FAILS, /* says TOOL_WORDS and exits with 1 */
    TOOL_SLOW,  /* does its work, ends a second later, and says so by a file */
    TOOL_HANGS, /* never ends by itself */
};

/* What a failing one says. */
#define TOOL_WORDS "maqet-check: the disk has caught fire"

/* Puts it first in PATH. -1: there is no real one, or none can be made. */
int tool_replace(struct bench *bench, enum tool tool);
void tool_restore(struct bench *bench);

/* Whether it was called since it was put there, and by which PID it went then (0: not
 * called); whether it has done its work. */
int tool_called(const struct bench *bench);
bool tool_finished(const struct bench *bench);

#endif
