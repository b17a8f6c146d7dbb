/* SPDX-License-Identifier: MIT */
/*
 * related.h - which manual pages refer to each other.
 */
#ifndef MAQET_CLI_RELATED_H
#define MAQET_CLI_RELATED_H

#include "cli/command.h"

/* The "SEE ALSO" of a page, without those pages that every page has: "maqet-start(1)" for each
 * page that @page, such as "maqet-stop(1)" or "maqet.yaml(5)", names or that names it, sorted by
 * section and name. A command names those that are in its `related`, and commands that
 * its help mentions. The caller clears @pages. */
void related_pages(const struct command *const *commands, const char *page,
                   struct maqet_strings *pages);

/* Prints them, as lines of man(7) macros that end with a comma (--dump-man-related). */
void related_print(const struct command *const *commands, const char *page);

#endif
