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

/* Tells of one field: "storage[].name", "string or null", "" or what a number counts, and
 * what it is, in Markdown. */
typedef void reference_field(struct maqet_text *text, const char *path, const char *type,
                             const char *unit, const char *meaning);

/* Tells of all fields, and of those below them. */
void reference_tell(struct maqet_text *text, const struct maqet_fields *fields,
                    reference_field *tell_one);

#endif
