/* SPDX-License-Identifier: MIT */
/*
 * candidates.h - what the word at the cursor may become, for the completions of bash, zsh and
 * fish (completions/), which know no command and no option. Each line of the answer is one of
 *
 *   word TAB WORD TAB DESCRIPTION    a whole word; the description may be empty
 *   part TAB WORD TAB DESCRIPTION    the beginning of one, which is followed by no space
 *   files TAB PREFIX TAB PATTERN     files whose names match, after that prefix of the word;
 *                                    the pattern is "yaml" or "", which means all
 *   folders TAB PREFIX
 *   programs
 */
#ifndef MAQET_CLI_CANDIDATES_H
#define MAQET_CLI_CANDIDATES_H

#include "cli/invocation.h"

struct candidates {
    struct invocation *invocation; /* without the word at the cursor */
    const char *current;           /* that word, or the part of it that is completed */
    const char *prefix;            /* the part before that, "--format="; never NULL */
    struct maqet_text text;        /* the answer */
};

/* Adds a word if it begins as the current one, and can be printed as it is. @help may be
 * NULL. */
void candidates_add(struct candidates *candidates, const char *word, const char *help);

/* The same for the beginning of a word. */
void candidates_add_part(struct candidates *candidates, const char *word,
                         const char *help);

/* Adds files; @pattern may be "". */
void candidates_add_files(struct candidates *candidates, const char *pattern);

/* Adds the names of plugins of a kind, "storage" or "interface"; NULL: of both. */
void candidates_add_plugins(struct candidates *candidates, const char *kind);

#endif
