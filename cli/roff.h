/* SPDX-License-Identifier: MIT */
/*
 * roff.h - text for man(7): a hyphen is not a minus, a line must not begin with a dot,
 * and a line feed ends a paragraph.
 */
#ifndef MAQET_CLI_ROFF_H
#define MAQET_CLI_ROFF_H

#include "core/base/text.h"

/* The words as roff reads them. The caller frees. */
char *roff(const char *words);

/* Appends @before and @after as they are, and the words as roff reads them. */
void roff_append(struct maqet_text *text, const char *before, const char *words,
                 const char *after);

#endif
