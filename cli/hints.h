/* SPDX-License-Identifier: MIT */
/*
 * hints.h - the words of the steps that the core advises (core/base/next.h). They are only
 * here, so that the core does not know commands and options.
 */
#ifndef MAQET_CLI_HINTS_H
#define MAQET_CLI_HINTS_H

#include "core/base/error.h"

/* A step for people, "Stop VM: maqet stop myvm", with names quoted for a shell if necessary.
 * The caller frees. */
char *hint_text(const struct maqet_hint *hint);

#endif
