/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/fold.h"
#include "cli/hints.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "core/base/json.h"
#include "core/base/printable.h"
#include "core/config/yaml.h"
#include "core/config/yaml_write.h"

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

/* ---- JSON as text ---- */

/* json-c breaks the line even in an empty list or object. */
static void
mark_empty(json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        size_t count = json_object_array_length(value);

        for (size_t i = 0; i < count; i++)
            mark_empty(json_object_array_get_idx(value, i));
        if (count == 0)
            json_object_set_serializer(value, json_object_userdata_to_json_string, "[]",
                                       NULL);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, field)
        {
            (void)key;
            mark_empty(field);
        }
        if (json_object_object_length(value) == 0)
            json_object_set_serializer(value, json_object_userdata_to_json_string, "{}",
                                       NULL);
    }
}

/* Characters that json-c does not escape and that may not be printed are only in texts and
 * keys, where \u escapes them (RFC 8259, 7). */
static char *
escaped(const char *json)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t left, size;
    uint32_t code;
    _cleanup_free_ char *valid = maqet_text_utf8(json, strlen(json), &left);

    for (const char *at = valid; left > 0; at += size, left -= size) {
        size = maqet_character(at, left, &code);
        if (code == '\n' || (maqet_character_is_printable(code) && code != 0xfffd))
            maqet_text_append_bytes(&text, at, size);
        else if (code > 0xffff)
            maqet_text_appendf(&text, "\\u%04" PRIx32 "\\u%04" PRIx32,
                               0xd800 + ((code - 0x10000) >> 10),
                               0xdc00 + ((code - 0x10000) & 0x3ff));
        else
            maqet_text_appendf(&text, "\\u%04" PRIx32, code);
    }
    return maqet_text_take(&text);
}

char *
json_pretty(json_object *value)
{
    mark_empty(value);
    _cleanup_free_ char *text = escaped(json_object_to_json_string_ext(
        value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                   JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_format("%s\n", text);
}

char *
json_line(json_object *value)
{
    return escaped(json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* ---- messages and errors ---- */

struct message_line {
    enum maqet_level level;
    const char *message;
};

struct error_line {
    const char *code;
    const char *message;
    struct maqet_strings hints;
    const char *file;
    bool placed;
    unsigned line, column;
};

MAQET_WORDS(level_word, "warning", "info", "debug")

static const char *
code_word(unsigned index)
{
    unsigned code = MAQET_ERROR_FAILED + index;

    return code <= MAQET_ERROR_PERMISSION ? maqet_error_code_name(code) : NULL;
}

const struct maqet_fields message_fields =
    MAQET_FIELDS_OF(struct message_line,
                    {"level", MAQET_FIELD_WORD(struct message_line, level, level_word),
                     .help = "how much it matters"},
                    MAQET_ROW(struct message_line, message, "what it says"));
const struct maqet_fields error_fields = MAQET_FIELDS_OF(
    struct error_line,
    {"code", MAQET_FIELD_CHOICE(struct error_line, code, code_word),
     .help = "which kind of error it is, from which the exit code follows"},
    MAQET_ROW(struct error_line, message, "what went wrong"),
    MAQET_ROW(struct error_line, hints, "what can be done about it"),
    MAQET_ROW(struct error_line, file,
              "the file in which the mistake is, as it was named; null if it is in none",
              .optional = true),
    MAQET_ROW(struct error_line, line, "its line in that file, from 1",
              .known = MAQET_KNOWN(struct error_line, placed)),
    MAQET_ROW(struct error_line, column, "its column, from 1",
              .known = MAQET_KNOWN(struct error_line, placed)));

static const struct {
    const char *title;
    enum shade shade;
} levels[] = {
    [MAQET_LEVEL_WARNING] = {"WARNING", SHADE_YELLOW},
    [MAQET_LEVEL_INFO] = {"INFO", SHADE_NONE},
    [MAQET_LEVEL_DEBUG] = {"DEBUG", SHADE_DIM},
};

/* One write for each message, so that those of several processes do not mix. */
static void
say(const char *message)
{
    _cleanup_free_ char *folded = fold_lines(message, terminal_columns(stderr));
    _cleanup_free_ char *line = maqet_format("%s\n", folded);

    terminal_write(stderr, line);
    fflush(stderr);
}

/* "WARNING: message"; the caller frees. */
static char *
titled(const char *title, enum shade shade, const char *message)
{
    _cleanup_free_ char *printable = maqet_text_printable_lines(message);

    return maqet_format("%s%s:%s %s", shade_begin(shade), title, shade_end(shade),
                        printable);
}

/* A message, which is shortened in JSON, too. The caller frees. */
static char *
shortened(const char *message, const char *remark)
{
    _cleanup_free_ char *text =
        maqet_text_shortened(message, strlen(message), MAQET_MESSAGE_MAX);

    return remark ? maqet_format("%s\n%s", text, remark) : TAKE_PTR(text);
}

/* One line of JSON; the caller frees. */
static char *
fields_line(const struct maqet_fields *fields, const void *data)
{
    _cleanup_json_ json_object *object = maqet_fields_to_json(fields, data);

    return json_line(object);
}

static char *
message_json(enum maqet_level level, const char *message)
{
    _cleanup_free_ char *text = shortened(message, NULL);
    const struct message_line line = {level, text};

    return fields_line(&message_fields, &line);
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
    _cleanup_free_ char *message = shortened(error->message, error->remark);
    _cleanup_strings_ struct maqet_strings hints = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < error->hints.count; i++) {
        _cleanup_free_ char *words = hint_text(&error->hints.items[i]);

        maqet_strings_take(&hints, shortened(words, NULL));
    }
    const struct error_line line = {.code = maqet_error_code_name(error->code),
                                    .message = message,
                                    .hints = hints,
                                    .file = error->file,
                                    .placed = error->line > 0,
                                    .line = error->line,
                                    .column = error->column};
    return fields_line(&error_fields, &line);
}

/* The message, and below it the hints; several are numbered. */
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
    for (; error; error = error->also) {
        _cleanup_free_ char *text =
            output->format == FORMAT_JSON ? error_json(error) : error_text(error);

        say(text);
    }
}

/* ---- results ---- */

/* Formats that have the complete result. */
static bool
is_document(enum format format)
{
    return format == FORMAT_JSON || format == FORMAT_YAML;
}

/* Copies with nothing but what the fields describe, in which each text is one printable
 * line. The caller frees them (maqet_fields_list_free). */
static void *
printable_rows(const struct maqet_fields *fields, const void *rows, size_t count)
{
    char *copies = maqet_alloc(count * fields->size + 1);

    for (size_t i = 0; i < count; i++)
        maqet_fields_copy(fields, (const char *)rows + i * fields->size,
                          copies + i * fields->size, maqet_text_shown);
    return copies;
}

/* What people read of rows. */
static char *
shown_text(const struct view *view, const void *rows, size_t count)
{
    const struct maqet_fields *fields = view->table.fields;
    char *copies = printable_rows(fields, rows, count);
    bool by_row = view->sentence || view->text;
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < count && by_row; i++) {
        const void *copy = copies + i * fields->size;
        _cleanup_free_ char *row =
            view->sentence ? table_sentence(&view->table, view->sentence, copy)
                           : view->text(copy);

        maqet_text_append(&text, row);
    }
    char *all = by_row            ? maqet_text_take(&text)
                : view->list_text ? view->list_text(copies, count)
                                  : table_text(&view->table, copies, count);
    maqet_fields_list_free(fields, copies, count);
    return all;
}

static char *
plain_text(const struct view *view, const void *rows, size_t count)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < count; i++) {
        const void *row = (const char *)rows + i * view->table.fields->size;
        _cleanup_free_ char *lines =
            view->plain ? view->plain(row) : table_plain(&view->table, row);

        maqet_text_append(&text, lines);
    }
    return maqet_text_take(&text);
}

/* The errno of the first write to standard output that failed. */
static int write_fault;

/* A text that is longer than the buffer is written before, and fflush() succeeds. */
static void
check_written(void)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && write_fault == 0)
        write_fault = errno ? errno : EIO;
}

void
output_text(const char *text)
{
    errno = 0;
    terminal_write(stdout, text);
    check_written();
}

void
output_bytes(const char *bytes, size_t count)
{
    errno = 0;
    fwrite(bytes, 1, count, stdout);
    check_written();
}

static void
write_document(const struct output *output, json_object *value)
{
    _cleanup_json_ json_object *owned = value;
    _cleanup_free_ char *text =
        output->format == FORMAT_YAML ? maqet_yaml_write(value) : json_pretty(value);

    output_text(text);
}

static void
write_lines(const struct output *output, const struct view *view, const void *rows,
            size_t count)
{
    _cleanup_free_ char *text = NULL;

    if (output->format == FORMAT_PLAIN)
        text = plain_text(view, rows, count);
    else if (count == 0 && view->empty)
        text = maqet_strdup(view->empty);
    else if (!view->confirmation || output->loudness > QUIET)
        text = shown_text(view, rows, count);
    _cleanup_free_ char *folded =
        fold_lines(text ? text : "",
                   output->format == FORMAT_PLAIN ? SIZE_MAX : terminal_columns(stdout));
    output_text(folded);
}

void
output_result(const struct output *output, const struct view *view, const void *row)
{
    if (is_document(output->format))
        write_document(output, maqet_fields_to_json(view->table.fields, row));
    else
        write_lines(output, view, row, 1);
}

void
output_list(const struct output *output, const struct view *view, const void *rows,
            size_t count)
{
    if (is_document(output->format))
        write_document(output,
                       maqet_fields_list_to_json(view->table.fields, rows, count));
    else
        write_lines(output, view, rows, count);
}

void
output_row(struct output *output, const struct view *view, const void *row)
{
    if (!is_document(output->format)) {
        write_lines(output, view, row, 1);
        return;
    }
    if (!output->rows)
        output->rows = json_object_new_array();
    json_object_array_add(output->rows, maqet_fields_to_json(view->table.fields, row));
}

void
output_json(const struct output *output, json_object *value)
{
    if (output->format != FORMAT_PLAIN) {
        write_document(output, value);
        return;
    }
    _cleanup_json_ json_object *owned = value;
    _cleanup_free_ char *line = json_line(value);
    _cleanup_free_ char *text = maqet_format("%s\n", line);
    output_text(text);
}

static char *
reversible_lines(const struct maqet_strings *texts)
{
    struct maqet_text lines = MAQET_TEXT_INIT;

    for (size_t i = 0; i < texts->count; i++) {
        _cleanup_free_ char *line =
            maqet_text_reversible(texts->items[i], strlen(texts->items[i]));

        maqet_text_appendf(&lines, "%s\n", line);
    }
    return maqet_text_take(&lines);
}

void
output_texts(const struct output *output, const struct maqet_strings *texts,
             const char *text, const char *plain)
{
    if (is_document(output->format)) {
        write_document(output, maqet_strings_to_json(texts));
        return;
    }
    _cleanup_free_ char *lines = reversible_lines(texts);
    output_text(output->format == FORMAT_TABLE ? text : plain ? plain : lines);
}

int
output_error_unasked(const char *nothing, const char *unasked, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_REFUSED,
                    "%s: there is no terminal on which to ask.\n%s", nothing, unasked);
    maqet_error_hint(err, "Add --yes to do it without being asked");
    return -1;
}

int
output_confirm(const struct view *view, const void *rows, size_t count,
               const char *question, const char *nothing, struct maqet_error **err)
{
    _cleanup_free_ char *text = shown_text(view, rows, count);

    if (!terminal_can_ask()) {
        _cleanup_free_ char *unasked = maqet_format("%s%s", text, question);
        return output_error_unasked(nothing, unasked, err);
    }
    _cleanup_free_ char *folded = fold_lines(text, terminal_columns(stderr));
    terminal_write(stderr, folded);
    return terminal_ask(question)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "%s", nothing);
}

int
output_finish(struct output *output, int exit_code)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (output->rows)
        write_document(output, TAKE_PTR(output->rows));
    if (write_fault == 0)
        return exit_code;

    /* A full disk must not look like success. */
    maqet_error_errno(&error, write_fault, "Cannot write to standard output");
    output_error(output, error);
    return exit_code ? exit_code : maqet_error_exit_code(error->code);
}
