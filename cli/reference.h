/* SPDX-License-Identifier: MIT */
/*
 * reference.h - the fields of results: docs/json.md (--dump-json-reference), and the manual's
 * "Output fields".
 */
#ifndef MAQET_CLI_REFERENCE_H
#define MAQET_CLI_REFERENCE_H

#include "cli/command.h"
#include "core/base/text.h"

/* Prints docs/json.md. */
void reference_print(const struct command *const *commands);

/* Appends the description of one field: "storage[].name", "string or null", its unit or "",
 * and its meaning in Markdown. */
typedef void reference_field(struct maqet_text *text, const char *path, const char *type,
                             const char *unit, const char *meaning);

/* Calls @append for each field, and for those of the objects in it. */
void reference_append(struct maqet_text *text, const struct maqet_fields *fields,
                      reference_field *append);

#endif
