/* SPDX-License-Identifier: MIT */
/*
 * shell.h - words as a shell reads them: for command lines that people copy from what is
 * shown. A name in one of them may hold anything, and must not end its word.
 */
#ifndef MAQET_BASE_SHELL_H
#define MAQET_BASE_SHELL_H

#include "core/base/text.h"

/* Appends a word, in quotes where it needs them. */
void maqet_shell_append(struct maqet_text *text, const char *word);

/* A word in quotes, whether it needs them or not. The caller frees. */
char *maqet_shell_quoted(const char *word);

#endif
