/* SPDX-License-Identifier: MIT */
/*
 * output.h - everything that the program writes: results to standard output, messages and
 * errors to standard error. Nothing else in cli/ prints, because texts may come from others;
 * here they are escaped, as each format allows:
 *
 *   messages, errors  one line, or marked lines (maqet_text_printable_lines)
 *   table, text       one line for each value (maqet_text_printable)
 *   plain             printf %b restores each value (maqet_text_reversible)
 *   JSON, YAML        the format's escapes, which restore each text (maqet_text_utf8)
 *   everything        the last filter of the stream (terminal_write)
 */
#ifndef MAQET_CLI_OUTPUT_H
#define MAQET_CLI_OUTPUT_H

#include "cli/table.h"
#include "core/base/context.h"
#include "core/base/error.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML, FORMAT_PLAIN };

enum { QUIET = -1 };

struct output {
    enum format format;
    int loudness;      /* the last maqet_level that is shown, or QUIET */
    json_object *rows; /* that output_row() keeps for output_finish() */
};

/* The name of a format; NULL after the last one. */
const char *format_name(unsigned index);

/* JSON on several lines, and on one line without its line feed. It is valid UTF-8 without
 * anything that controls a terminal, and slashes are not escaped. The caller frees. */
char *json_pretty(json_object *value);
char *json_line(json_object *value);

/* The fields of a message, and of an error, in JSON. */
extern const struct maqet_fields message_fields, error_fields;

void output_message(const struct output *output, enum maqet_level level,
                    const char *message);
/* Also all further mistakes of the same input, each as an error of its own. */
void output_error(const struct output *output, const struct maqet_error *error);

/* Writes a result: a struct, or an array of such structs. */
void output_result(const struct output *output, const struct view *view, const void *row);
void output_list(const struct output *output, const struct view *view, const void *rows,
                 size_t count);

/* Writes one row of a list whose rows arrive one by one. JSON and YAML get the whole list
 * from output_finish(). */
void output_row(struct output *output, const struct view *view, const void *row);

/* Writes a result (taken) that is JSON from others; with --format plain, on one line. */
void output_json(const struct output *output, json_object *value);

/* Writes a list of texts. @text is for people, and @plain for scripts (NULL: a line for each
 * text). Both have a syntax of their own, in which foreign texts are already escaped. */
void output_texts(const struct output *output, const struct maqet_strings *texts,
                  const char *text, const char *plain);

/* Writes a text of ours, such as the help. */
void output_text(const char *text);

/* Writes bytes as they are: data that somebody asked for, such as the log of a guest. */
void output_bytes(const char *bytes, size_t count);

/* Shows rows (without shades) on standard error, and asks the question below them. Returns
 * 0, or -1 with an error (MAQET_ERROR_REFUSED) that begins with @nothing, "Nothing was
 * removed". Without a terminal, the error contains the rows and the question, and names
 * --yes. */
int output_confirm(const struct view *view, const void *rows, size_t count,
                   const char *question, const char *nothing, struct maqet_error **err);

/* The error for a question that cannot be asked without a terminal: it begins with @nothing,
 * contains what the user would have been shown, and names --yes. Returns -1. */
int output_error_unasked(const char *nothing, const char *unasked,
                         struct maqet_error **err);

/* Writes the rows that are kept, and checks that everything was written. Returns the exit
 * code. */
int output_finish(struct output *output, int exit_code);

#endif
