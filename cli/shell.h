/* SPDX-License-Identifier: MIT */
/*
 * shell.h - words as a shell reads them.
 */
#ifndef MAQET_CLI_SHELL_H
#define MAQET_CLI_SHELL_H

#include "core/base/text.h"

/* Appends a word, in quotes where it needs them. */
void shell_append(struct maqet_text *text, const char *word);

#endif
