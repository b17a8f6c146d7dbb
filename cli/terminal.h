/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - the terminal, where there is one: colours, a line that is redrawn, a
 * question, and how wide a text is on it.
 */
#ifndef MAQET_CLI_TERMINAL_H
#define MAQET_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"

enum shade { SHADE_NONE, SHADE_RED, SHADE_GREEN, SHADE_YELLOW, SHADE_BOLD, SHADE_DIM };

/* What stands around a text that has a colour; it is left out where the stream has none. */
const char *shade_begin(enum shade shade);
const char *shade_end(enum shade shade);

/*
 * Writes a text to standard output or standard error, with the line feeds and the tabs that
 * we have put into it, and with the shades on a terminal that knows colours, unless NO_COLOR
 * says otherwise. Whatever else may not be shown (core/base/printable.h) is escaped here at
 * the latest. All of the text is one write of the stream.
 */
void terminal_write(FILE *stream, const char *text);

/* A line on standard error that is drawn over the last one, when that is a terminal.
 * Anything else that is written clears it first. */
void terminal_progress(const char *text);
void terminal_progress_clear(void);

/* Whether somebody is there who could answer. */
bool terminal_can_ask(void);

/* Asks, in one line; no is the default. */
bool terminal_ask(const char *question);

/* The columns that a text takes on a terminal, and how many of its bytes fit into so
 * many. */
size_t text_width(const char *text);
size_t text_fitting(const char *text, size_t columns);

/* Breaks a paragraph into lines of at most @width columns; each but the first is
 * indented. The caller frees. */
char *text_wrap(const char *paragraph, size_t indent, size_t width);

#endif
