/* SPDX-License-Identifier: MIT */
/*
 * output.h - all that the program writes: results to standard output, messages and errors
 * to standard error. Nothing else in cli/ prints, since any of it may hold what somebody
 * else wrote; here it is made harmless, in the way of each format:
 *
 *   messages, errors  one line, or several that are marked (maqet_text_printable_lines)
 *   table, text       each value is one line (maqet_text_printable)
 *   plain             each value can be had back with printf %b (maqet_text_reversible)
 *   JSON, YAML        escapes of the format, from which each text can be had back
 *                     (maqet_text_utf8)
 *   what is left      the stream's last filter (terminal_write)
 */
#ifndef MAQET_CLI_OUTPUT_H
#define MAQET_CLI_OUTPUT_H

#include "cli/table.h"
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

/* JSON on many lines for people, and on one, without its line feed; with its slashes left
 * alone. It is valid UTF-8 in which no text can drive a terminal. The caller frees. */
char *json_pretty(json_object *value);
char *json_line(json_object *value);

/* What --format json has of a message, and of an error. */
extern const struct maqet_fields message_fields, error_fields;

void output_message(const struct output *output, enum maqet_level level,
                    const char *message);
void output_error(const struct output *output, const struct maqet_error *error);

/* Writes a result: a struct, or an array of such structs. */
void output_result(const struct output *output, const struct view *view, const void *row);
void output_list(const struct output *output, const struct view *view, const void *rows,
                 size_t count);

/* One row of a list whose rows arrive one by one: people and scripts that read lines see
 * it at once, the others get the whole list from output_finish(). */
void output_row(struct output *output, const struct view *view, const void *row);

/* Writes a result (taken) that is JSON in itself and not of our making; as plain text, on
 * one line. */
void output_json(const struct output *output, json_object *value);

/* Writes a list of texts. @text is what people read, and @plain the lines for scripts
 * (NULL: one for each text): documents that have a syntax of their own, written so that
 * nothing in them can be taken for its words. */
void output_texts(const struct output *output, const struct maqet_strings *texts,
                  const char *text, const char *plain);

/* Writes a text of our own, such as a page of help. */
void output_text(const char *text);

/* Shows rows (without shades) on standard error, and asks below them. Returns 0, or -1
 * with an error (MAQET_ERROR_REFUSED) that begins with @nothing, "Nothing was removed".
 * Where there is nobody to ask, it has all that would have been asked, and names --yes. */
int output_confirm(const struct view *view, const void *rows, size_t count,
                   const char *question, const char *nothing, struct maqet_error **err);

/* Writes what is still kept, and makes sure that all was written. Returns the exit code.
 */
int output_finish(struct output *output, int exit_code);

#endif
