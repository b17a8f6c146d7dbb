/* SPDX-License-Identifier: MIT */
/*
 * roff.h - text in man(7) macros: words, and the parts that several manual pages have.
 */
#ifndef MAQET_CLI_ROFF_H
#define MAQET_CLI_ROFF_H

#include "cli/command.h"

/* Appends @before and @after as they are, and the words escaped for roff: a hyphen is not a
 * minus, a line must not begin with a dot, a line feed ends a paragraph, and what stands in
 * backquotes is bold. */
void roff_append(struct maqet_text *text, const char *before, const char *words,
                 const char *after);

/* A reference to a page such as "maqet-start(1)", without the line feed. */
void roff_append_page(struct maqet_text *text, const char *page);

/* The options of a table that are shown. */
void roff_append_options(struct maqet_text *text, const struct command_option *option);

/* A field of a result, for reference_append(). */
void roff_append_field(struct maqet_text *text, const char *path, const char *type,
                       const char *unit, const char *meaning);

/* The fields of a command's result; @view may be NULL. */
void roff_append_view(struct maqet_text *text, const struct view *view);

void roff_append_examples(struct maqet_text *text, const struct command *command);

#endif
