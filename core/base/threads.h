/* SPDX-License-Identifier: MIT */
/*
 * threads.h - what the threads of another process do, as Linux tells it (proc(5)).
 */
#ifndef MAQET_BASE_THREADS_H
#define MAQET_BASE_THREADS_H

#include "core/base/text.h"

/* Adds the numbers of the threads that a process has now; none when it has gone. */
void maqet_threads_list(int pid, struct maqet_strings *threads);

/* Whether a process has threads that are not in that list, and all of these sleep; a
 * thread that works, or waits for a page of memory, does not. */
bool maqet_threads_others_sleep(int pid, const struct maqet_strings *known);

#endif
