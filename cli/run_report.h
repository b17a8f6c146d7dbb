/* SPDX-License-Identifier: MIT */
/*
 * run_report.h - how the commands of `maqet run` have ended, in the formats of programs that
 * collect the results of tests: TAP (testanything.org, version 13) and JUnit's XML.
 */
#ifndef MAQET_CLI_RUN_REPORT_H
#define MAQET_CLI_RUN_REPORT_H

#include <sys/types.h>

#include "core/fork/ran.h"

/* The first lines of TAP, and the lines of one command. The caller frees. */
char *run_report_tap_plan(size_t count);
char *run_report_tap(const struct maqet_ran *ran);

/* Writes the XML to a file, with what the commands have printed. */
int run_report_junit(const char *path, mode_t umask, const char *vm,
                     const struct maqet_rans *rans, struct maqet_error **err);

#endif
