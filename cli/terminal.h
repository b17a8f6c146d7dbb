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

/* Whether to use colours on a stream: a terminal that knows them, and no NO_COLOR. */
bool terminal_has_colour(FILE *stream);

const char *shade_begin(bool colour, enum shade shade);
const char *shade_end(bool colour, enum shade shade);

/* A line on standard error that is drawn over the last one, when that is a terminal.
 * Anything else that is written clears it first. */
void terminal_progress(const char *text);
void terminal_progress_clear(void);

/* Whether somebody is there who could answer. */
bool terminal_can_ask(void);

/* Asks; no is the default. */
bool terminal_ask(const char *question);

/*
 * A copy in which control characters (but those in @keep) are shown as \t, \n or \xNN, so
 * that a name or a hostile file can't drive the terminal. The caller frees.
 */
char *text_printable(const char *text, const char *keep);

/* The length of the control character that a text begins with; 0: it begins with none. */
size_t text_control(const char *text);

/* The columns that a text takes on a terminal. */
size_t text_width(const char *text);

/* Breaks a paragraph into lines of at most @width columns; each but the first is
 * indented. The caller frees. */
char *text_wrap(const char *paragraph, size_t indent, size_t width);

#endif
