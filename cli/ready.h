/* SPDX-License-Identifier: MIT */
/*
 * ready.h - the options that name what a guest must have come to: --for of `wait`, and
 * --wait-for of `start`.
 */
#ifndef MAQET_CLI_READY_H
#define MAQET_CLI_READY_H

#include "cli/invocation.h"
#include "cli/options.h"

#define OPTION_READY_TIMEOUT_ROW                                                         \
    OPTION_ROW("timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",            \
               .fallback = "300",                                                        \
               .help = "how long a guest may take to meet the conditions")

/* Checks the conditions of the option @name. */
int ready_check(const struct invocation *invocation, const char *name,
                struct maqet_error **err);

/* Waits until a VM meets them, as long as --timeout allows. */
int ready_wait(const struct invocation *invocation, const char *name, const char *vm,
               struct maqet_error **err);

#endif
