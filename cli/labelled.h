/* SPDX-License-Identifier: MIT */
/*
 * labelled.h - what programs in several guests have printed.
 */
#ifndef MAQET_CLI_LABELLED_H
#define MAQET_CLI_LABELLED_H

#include <stdbool.h>

/* Writes it, each line behind "LABEL: ": to standard output, or to standard error with
 * @is_error. It is foreign: what may not be printed is escaped, except tabs. */
void output_labelled(const char *label, const char *text, bool is_error);

#endif
