/* SPDX-License-Identifier: MIT */
/*
 * ending.h - how the program ends while it calls foreign code: exit() and its like are no
 * success then, and code that does not return in time is ended.
 */
#ifndef MAQET_BASE_ENDING_H
#define MAQET_BASE_ENDING_H

#include <stdbool.h>
#include <stdint.h>

/* Says why the program ends: the code has called exit() or its like, or is @late. Returns
 * the exit code. If it is late, the report is called in another thread than the code. */
typedef int maqet_ending_report(bool late);

/* From now on, foreign code runs, until @deadline on the clock of maqet_now(), for which
 * the time in which the process is stopped does not count. NULL: our own code again. It
 * holds in this process only, and not in those that it forks. */
void maqet_ending_guard(maqet_ending_report *report, int64_t deadline);

/* There are no reports in this process and its children any more: their parent watches
 * them. */
void maqet_ending_leave_to_parent(void);

/* The program ends with this exit code, whatever handlers and destructors of foreign code
 * say when it exits. Returns the code. */
int maqet_ending_settle(int code);

#endif
