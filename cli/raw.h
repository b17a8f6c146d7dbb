/* SPDX-License-Identifier: MIT */
/*
 * raw.h - a terminal that belongs to a guest: each key is passed on, without an echo of its
 * own or a signal. Whatever ends the program, short of SIGKILL, restores the terminal, and so
 * does what stops it, until it continues.
 */
#ifndef MAQET_CLI_RAW_H
#define MAQET_CLI_RAW_H

#include "core/base/error.h"

/* Begins it on standard input, which is a terminal. */
int raw_begin(struct maqet_error **err);

/* Restores the terminal, if it is raw. */
void raw_end(void);

#endif
