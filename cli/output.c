/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <string.h>

#include "cli/fields.h"
#include "cli/hints.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "core/base/printable.h"
#include "core/config/yaml.h"

static const char *const formats[] = {
    [FORMAT_TABLE] = "table",
    [FORMAT_JSON] = "json",
    [FORMAT_YAML] = "yaml",
    [FORMAT_PLAIN] = "plain",
};

const char *
format_name(unsigned index)
{
    return index < sizeof(formats) / sizeof(*formats) ? formats[index] : NULL;
}

/* ---- messages and errors ---- */

static const struct {
    const char *title; /* for people */
    const char *name;  /* for JSON */
    enum shade shade;
} levels[] = {
    [MAQET_LEVEL_WARNING] = {"WARNING", "warning", SHADE_YELLOW},
    [MAQET_LEVEL_INFO] = {"INFO", "info", SHADE_NONE},
    [MAQET_LEVEL_DEBUG] = {"DEBUG", "debug", SHADE_DIM},
};

/* One write for one message, so that those of several processes don't mix. */
static void
say(const char *message)
{
    _cleanup_free_ char *line = maqet_format("%s\n", message);

    terminal_write(stderr, line);
    fflush(stderr);
}

/* "WARNING: message"; the caller frees. */
static char *
titled(const char *title, enum shade shade, const char *message)
{
    bool colour = terminal_has_colour(stderr);
    _cleanup_free_ char *printable = maqet_text_printable_lines(message);

    return maqet_format("%s%s:%s %s", shade_begin(colour, shade), title,
                        shade_end(colour, shade), printable);
}

/* Whoever reads JSON gets all of a result, but no more of a message than people do. */
static void
add_message(json_object *object, const char *message, const char *remark)
{
    _cleanup_free_ char *text =
        maqet_text_shortened(message, strlen(message), MAQET_MESSAGE_MAX);
    _cleanup_free_ char *all = remark ? maqet_format("%s\n%s", text, remark) : NULL;

    field_text(object, "message", all ? all : text);
}

static char *
message_json(enum maqet_level level, const char *message)
{
    _cleanup_json_ json_object *object = json_object_new_object();

    field_text(object, "level", levels[level].name);
    add_message(object, message, NULL);
    return json_line(object);
}

void
output_message(const struct output *output, enum maqet_level level, const char *message)
{
    if ((int)level > output->loudness)
        return;
    _cleanup_free_ char *text =
        output->format == FORMAT_JSON
            ? message_json(level, message)
            : titled(levels[level].title, levels[level].shade, message);
    say(text);
}

static char *
error_json(const struct maqet_error *error)
{
    _cleanup_json_ json_object *object = json_object_new_object();

    field_text(object, "code", maqet_error_code_name(error->code));
    add_message(object, error->message, error->remark);
    json_object *hints = json_object_new_array();
    for (size_t i = 0; i < error->hints.count; i++) {
        _cleanup_free_ char *words = hint_text(&error->hints.items[i]);
        _cleanup_free_ char *hint =
            maqet_text_shortened(words, strlen(words), MAQET_MESSAGE_MAX);

        json_object_array_add(hints, json_object_new_string(hint));
    }
    json_object_object_add(object, "hints", hints);
    return json_line(object);
}

/* The message, and below it what can be done: one way, or several with numbers. */
static char *
error_text(const struct maqet_error *error)
{
    _cleanup_free_ char *title = titled("ERROR", SHADE_RED, error->message);
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t count = error->hints.count;

    maqet_text_append(&text, title);
    if (error->remark) {
        _cleanup_free_ char *remark = maqet_text_printable_lines(error->remark);
        maqet_text_appendf(&text, "\n%s", remark);
    }
    if (count > 1)
        maqet_text_append(&text, "\nOptions:");
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *words = hint_text(&error->hints.items[i]);
        _cleanup_free_ char *hint = maqet_text_printable_lines(words);

        if (count > 1)
            maqet_text_appendf(&text, "\n  %zu. %s", i + 1, hint);
        else
            maqet_text_appendf(&text, "\n%s", hint);
    }
    return maqet_text_take(&text);
}

void
output_error(const struct output *output, const struct maqet_error *error)
{
    _cleanup_free_ char *text =
        output->format == FORMAT_JSON ? error_json(error) : error_text(error);

    say(text);
}

/* ---- results ---- */

/* Formats that show a result as it is, whatever the command. */
static bool
is_document(enum format format)
{
    return format == FORMAT_JSON || format == FORMAT_YAML;
}

static char *
document_text(enum format format, json_object *result)
{
    return format == FORMAT_YAML ? maqet_yaml_write(result) : json_pretty(result);
}

/* What people read. Only what says so sees a text as somebody else wrote it. */
static char *
shown_text(const struct view *view, json_object *result, bool colour)
{
    _cleanup_json_ json_object *printable =
        view->verbatim ? json_object_get(result) : json_printable(result);

    return view->text ? view->text(printable, colour)
                      : table_text(view->columns, printable, colour);
}

static char *
row_text(const struct output *output, const struct view *view, json_object *row)
{
    if (output->format == FORMAT_PLAIN)
        return view->plain ? view->plain(row) : table_plain(view->columns, row);
    if (view->confirmation && output->loudness == QUIET)
        return maqet_strdup("");
    return shown_text(view, row, terminal_has_colour(stdout));
}

static char *
list_text(const struct output *output, const struct view *view, json_object *rows)
{
    size_t count = json_object_array_length(rows);
    bool is_table = output->format == FORMAT_TABLE;
    struct maqet_text text = MAQET_TEXT_INIT;

    if (is_table && count == 0 && view->empty)
        return maqet_strdup(view->empty);
    if (is_table && !view->text)
        return shown_text(view, rows, terminal_has_colour(stdout));
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *row =
            row_text(output, view, json_object_array_get_idx(rows, i));
        maqet_text_append(&text, row);
    }
    return maqet_text_take(&text);
}

static char *
result_text(const struct output *output, const struct view *view, json_object *result)
{
    if (is_document(output->format))
        return document_text(output->format, result);
    if (json_object_is_type(result, json_type_array) && !view->whole)
        return list_text(output, view, result);
    return row_text(output, view, result);
}

/* What kept a result from being written; an errno. */
static int write_fault;

void
output_text(const char *text)
{
    terminal_write(stdout, text);
    if (fflush(stdout) != 0 && write_fault == 0)
        write_fault = errno;
}

void
output_result(const struct output *output, const struct view *view, json_object *result)
{
    _cleanup_json_ json_object *owned = result;
    _cleanup_free_ char *text = result_text(output, view, result);

    output_text(text);
}

bool
output_ask(const struct view *view, json_object *result, const char *question)
{
    bool colour = terminal_has_colour(stderr);

    if (result && json_object_is_type(result, json_type_array) && view->text)
        for (size_t i = 0; i < json_object_array_length(result); i++) {
            _cleanup_free_ char *row =
                shown_text(view, json_object_array_get_idx(result, i), colour);
            terminal_write(stderr, row);
        }
    else if (result) {
        _cleanup_free_ char *text = shown_text(view, result, colour);
        terminal_write(stderr, text);
    }
    return terminal_ask(question);
}

void
output_row(struct output *output, const struct view *view, json_object *row)
{
    if (!is_document(output->format)) {
        output_result(output, view, row);
        return;
    }
    if (!output->rows)
        output->rows = json_object_new_array();
    json_object_array_add(output->rows, row);
}

int
output_finish(struct output *output, int exit_code)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *rest =
        output->rows ? document_text(output->format, output->rows) : maqet_strdup("");

    output_text(rest);
    if (write_fault == 0)
        return exit_code;

    /* A full disk must not look like success. */
    maqet_error_errno(&error, write_fault, "Can't write to standard output");
    output_error(output, error);
    return exit_code ? exit_code : maqet_error_exit_code(error->code);
}

void
output_clear(struct output *output)
{
    json_object_put(output->rows);
    output->rows = NULL;
}
