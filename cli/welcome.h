/* SPDX-License-Identifier: MIT */
/*
 * welcome.h - what the program says without a command: three things to do next.
 */
#ifndef MAQET_CLI_WELCOME_H
#define MAQET_CLI_WELCOME_H

#include "cli/invocation.h"

/* Prints them; which ones depends on whether there is a VM. */
void welcome_print(const struct invocation *invocation);

#endif
