/* SPDX-License-Identifier: MIT */
/*
 * output.h - all that the program writes: results to standard output, messages and errors
 * to standard error. Nothing else in cli/ prints, since any of it may hold what somebody
 * else wrote; here it is made harmless, in the way of each format:
 *
 *   messages, errors      one line, or several that are marked
 * (maqet_text_printable_lines) table, text           each value is one line
 * (json_printable) plain                 each value can be had back with printf %b
 * (maqet_text_reversible) JSON, YAML            escapes of the format (cli/json.h,
 * core/config/yaml.h) what is left          the stream's last filter (terminal_write)
 */
#ifndef MAQET_CLI_OUTPUT_H
#define MAQET_CLI_OUTPUT_H

#include "cli/view.h"
#include "core/base/context.h"
#include "core/base/error.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML, FORMAT_PLAIN };

enum { QUIET = -1 };

/* Zero-initialised, it is a table without colours. */
struct output {
    enum format format;
    int loudness;      /* the last maqet_level that is shown, or QUIET */
    json_object *rows; /* what output_row() kept for the end */
};

/* The formats' words, by number; NULL after the last one. */
const char *format_name(unsigned index);

void output_message(const struct output *output, enum maqet_level level,
                    const char *message);
void output_error(const struct output *output, const struct maqet_error *error);

/* Writes a result (taken): a list of rows, or one object. */
void output_result(const struct output *output, const struct view *view,
                   json_object *result);

/* One row (taken) of a list whose rows arrive one by one: people and scripts that read
 * lines see it at once, the others get the whole list from output_finish(). */
void output_row(struct output *output, const struct view *view, json_object *row);

/* Writes a text of our own, such as a page of help. */
void output_text(const char *text);

/* Shows a result (not taken) as a table or text on standard error, unless it is NULL, and
 * asks below it. */
bool output_ask(const struct view *view, json_object *result, const char *question);

/* Writes what is still kept, and makes sure that all was written. Returns the exit code.
 */
int output_finish(struct output *output, int exit_code);

void output_clear(struct output *output);

#endif
