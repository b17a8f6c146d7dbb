/* SPDX-License-Identifier: MIT */
/*
 * hints.h - the words of the next steps that the core advises (core/base/error.h): the one
 * place where they are, so that the core knows no command and no option.
 */
#ifndef MAQET_CLI_HINTS_H
#define MAQET_CLI_HINTS_H

#include "core/base/error.h"

/* A step as people read it, "Stop VM: maqet stop myvm", with names quoted for a shell where
 * they need it. The caller frees. */
char *hint_text(const struct maqet_hint *hint);

#endif
