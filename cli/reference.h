/* SPDX-License-Identifier: MIT */
/*
 * reference.h - what the results are made of, from the rows of their fields: docs/json.md
 * (--dump-json-reference), and what the man page says of a command's output.
 */
#ifndef MAQET_CLI_REFERENCE_H
#define MAQET_CLI_REFERENCE_H

#include "cli/command.h"
#include "core/base/text.h"

/* Prints docs/json.md. */
void reference_print(const struct command *const *commands);

/* Appends a result's fields in man(7) macros; @view may be NULL. */
void reference_append_man(struct maqet_text *text, const struct view *view);

#endif
