/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - the terminal: colours, progress, questions, and the width of texts.
 */
#ifndef MAQET_CLI_TERMINAL_H
#define MAQET_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"

enum shade { SHADE_NONE, SHADE_RED, SHADE_GREEN, SHADE_YELLOW, SHADE_BOLD, SHADE_DIM };

/* What precedes and follows a text in a colour; terminal_write() omits it if the stream has
 * no colours. */
const char *shade_begin(enum shade shade);
const char *shade_end(enum shade shade);

/* Writes a text to standard output or standard error, in one write: with line feeds, tabs
 * and, on a terminal that has colours and unless NO_COLOR is set, shades. All other
 * characters that may not be printed (core/base/printable.h) are escaped. */
void terminal_write(FILE *stream, const char *text);

/* Writes bytes as they are: output of a program in the guest, as ssh(1) does. Returns 0, or
 * -1 and errno. */
int terminal_pass(FILE *stream, const char *bytes, size_t count);

/* Draws a line over the previous one if standard error is a terminal. Any other output
 * clears it first. */
void terminal_progress(const char *text);
void terminal_progress_clear(void);

/* From now on, when nothing else is written for a second, a line tells that the work goes
 * on, and for how long: "TEXT (3 s)". Until the end, or a question. */
void terminal_working_begin(const char *text);
void terminal_working_end(void);

/* Whether there is a terminal to ask on. */
bool terminal_can_ask(void);

/* Asks a question of one line, whose default is no. */
bool terminal_ask(const char *question);

/* A screen that is drawn again and again: standard input and output are a terminal. Until
 * terminal_screen_end(), keys are not echoed, can be read one by one, and nothing else is
 * shown. The signals that end the program must not do so meanwhile. */
bool terminal_screen_begin(void);
void terminal_screen_end(void);

/* Replaces what is on the screen; what does not fit is cut off. */
void terminal_screen_draw(const char *text);

/* The width of a text on a terminal, in columns, and how many of its bytes fit into some
 * columns. */
size_t text_width(const char *text);
size_t text_fitting(const char *text, size_t columns);

/* The columns of the terminal that a stream is; SIZE_MAX: it is none. */
size_t terminal_columns(FILE *stream);

/* The columns for a text that is as wide as the terminal that standard output is;
 * elsewhere, those of most terminals. */
size_t terminal_text_columns(void);

/* A text of at most @width columns, of which there are at least 3: a longer one is cut in the
 * middle, so that more remains of its end than of its beginning; a path at its
 * beginning if the name of the file then remains. The caller frees. */
char *text_cut(const char *text, size_t width);

/* Breaks a paragraph into lines of at most @width columns; all except the first are
 * indented. The caller frees. */
char *text_wrap(const char *paragraph, size_t indent, size_t width);

/* A template in which @append has replaced each "{field}". The caller frees. */
char *text_fill(const char *template,
                void (*append)(struct maqet_text *text, const char *field,
                               const void *data),
                const void *data);

#endif
