/* SPDX-License-Identifier: MIT */
#include "cli/plugin_check.h"

#include <inttypes.h>
#include <string.h>

#include "cli/invocation.h"
#include "core/conformance/conformance.h"

/* ---- rows ---- */

MAQET_WORDS(result_word, "ok", "skipped", "FAILED", "not run")
MAQET_WORDS(plugins_word, "all", "storage", "interface")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_conformance_row,
    MAQET_ROW(struct maqet_conformance_row, check, "the check's name"),
    {"result", MAQET_FIELD_CHOICE(struct maqet_conformance_row, result, result_word),
     .optional = true, .help = "how it ended; null with --list"},
    MAQET_ROW(struct maqet_conformance_row, why,
              "why it failed, was skipped, or was not run", .optional = true),
    MAQET_ROW(struct maqet_conformance_row, hint, "what to do about a failure",
              .optional = true),
    {"wall_ms", MAQET_FIELD(struct maqet_conformance_row, wall),
     .unit = MAQET_UNIT_MILLISECONDS,
     .known = MAQET_KNOWN(struct maqet_conformance_row, called),
     .help = "how long it took; null if it was not run"},
    {"plugins", MAQET_FIELD_CHOICE(struct maqet_conformance_row, plugins, plugins_word),
     .help = "which plugins it is for"},
    MAQET_ROW(struct maqet_conformance_row, limit, "its time limit",
              .unit = MAQET_UNIT_SECONDS),
    MAQET_ROW(struct maqet_conformance_row, text, "what a plugin must do to pass"));

static bool
is_result(const struct maqet_conformance_row *row, const char *result)
{
    return strcmp(row->result, result) == 0;
}

/* ---- lines for people ---- */

enum { RESULT_WIDTH = 7, TIME_WIDTH = 7, PLUGINS_WIDTH = 9, INDENT = 4 };

/* The width of the longest name, so that the columns are the same in each line. */
static int
name_width(void)
{
    size_t width = 0;

    for (unsigned i = 0; maqet_conformance_name(i); i++)
        if (strlen(maqet_conformance_name(i)) > width)
            width = strlen(maqet_conformance_name(i));
    return (int)width;
}

static enum shade
shade_of(const struct maqet_conformance_row *row)
{
    return is_result(row, "FAILED") ? SHADE_RED
           : is_result(row, "ok")   ? SHADE_GREEN
                                    : SHADE_YELLOW;
}

/* A paragraph below a line. */
static void
append_below(struct maqet_text *text, const char *words)
{
    _cleanup_free_ char *wrapped = text_wrap(words, INDENT, terminal_text_columns());

    maqet_text_appendf(text, "%*s%s\n", INDENT, "", wrapped);
}

/* "create-killed  skipped   0.1 s  there is no qemu-img" */
static char *
row_text(const void *data)
{
    const struct maqet_conformance_row *row = data;
    struct maqet_text text = MAQET_TEXT_INIT;
    _cleanup_free_ char *time =
        row->called ? maqet_format("%.1f s", row->wall / 1000) : maqet_strdup("");

    maqet_text_appendf(&text, "%-*s  %s%-*s%s  %*s", name_width(), row->check,
                       shade_begin(shade_of(row)), RESULT_WIDTH, row->result,
                       shade_end(shade_of(row)), TIME_WIDTH, time);
    if (row->why && !is_result(row, "FAILED")) {
        size_t column = (size_t)name_width() + RESULT_WIDTH + TIME_WIDTH + 6;
        _cleanup_free_ char *why = text_wrap(row->why, column, terminal_text_columns());

        maqet_text_appendf(&text, "  %s", why);
    }
    maqet_text_append(&text, "\n");
    if (is_result(row, "FAILED"))
        append_below(&text, row->why);
    if (row->hint) {
        _cleanup_free_ char *hint = maqet_format("What to do: %s", row->hint);

        append_below(&text, hint);
    }
    return maqet_text_take(&text);
}

const struct view plugin_check_view = {
    .table = {.fields = &fields, .columns = "check result why hint wall_ms"},
    .text = row_text,
    .each = "check",
    .remark = "Checks that were not run because the time was over, or maqet was "
              "interrupted, are in the list, too.",
};

/* ---- the list of checks ---- */

static char *
list_text(const void *data, size_t count)
{
    const struct maqet_conformance_row *rows = data;
    struct maqet_text text = MAQET_TEXT_INIT;
    int width = name_width();

    maqet_text_appendf(&text, "%s%-*s  %-*s  WHAT A PLUGIN MUST DO TO PASS%s\n",
                       shade_begin(SHADE_BOLD), width, "CHECK", PLUGINS_WIDTH, "PLUGINS",
                       shade_end(SHADE_BOLD));
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *wrapped = text_wrap(
            rows[i].text, (size_t)width + PLUGINS_WIDTH + 4, terminal_text_columns());

        maqet_text_appendf(&text, "%-*s  %-*s  %s\n", width, rows[i].check, PLUGINS_WIDTH,
                           rows[i].plugins, wrapped);
    }
    return maqet_text_take(&text);
}

static const struct view list_view = {
    .table = {.fields = &fields, .columns = "check plugins limit text"},
    .list_text = list_text,
};

static int
list_checks(struct invocation *invocation, const struct maqet_strings *only,
            struct maqet_error **err)
{
    _cleanup_free_ struct maqet_conformance_row *rows = NULL;
    struct maqet_conformance_row row = {0};
    size_t count = 0;

    if (operand_find(invocation, OPERAND_PLUGIN_FILE))
        return usage_error(invocation, err, "--list takes no FILE: it lists the checks");
    for (unsigned i = 0; maqet_conformance_describe(i, &row); i++)
        if (only->count == 0 || maqet_strings_has(only, row.check))
            *MAQET_APPEND(rows, count) = row;
    output_list(&invocation->output, &list_view, rows, count);
    return 0;
}

/* ---- a run ---- */

/* Added to a signal, the exit code of a process that it ended, as in a shell. */
enum { SIGNAL_BASE = 128 };

/* In the table, checks of which nothing was run are named below it. */
static void
show_row(void *data, const struct maqet_conformance_row *row)
{
    struct invocation *invocation = data;

    if (row->called || !is_result(row, "not run") ||
        invocation->output.format != FORMAT_TABLE)
        output_row(&invocation->output, &plugin_check_view, row);
}

static void
show_header(const struct output *output)
{
    _cleanup_free_ char *line = maqet_format(
        "%s%-*s  %-*s  %*s%s\n", shade_begin(SHADE_BOLD), name_width(), "CHECK",
        RESULT_WIDTH, "RESULT", TIME_WIDTH, "TIME", shade_end(SHADE_BOLD));

    if (output->format == FORMAT_TABLE)
        output_text(line);
}

/* The names of the checks that ended so; the caller frees. */
static char *
names_of(const struct maqet_conformance_rows *rows, const char *result)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < rows->count; i++)
        if (is_result(&rows->items[i], result))
            maqet_strings_add(&names, rows->items[i].check);
    return maqet_strings_join(&names, ", ");
}

/* "38 checks: 35 ok, 1 FAILED (space), 2 skipped" */
static void
show_summary(const struct output *output, const struct maqet_conformance_rows *rows)
{
    _cleanup_free_ char *failed = names_of(rows, "FAILED");
    struct maqet_text text = MAQET_TEXT_INIT;
    const char *word;

    maqet_text_appendf(&text, "%zu check%s", rows->count, rows->count == 1 ? "" : "s");
    for (unsigned i = 0, parts = 0; (word = result_word(i)); i++) {
        size_t count = 0;

        for (size_t j = 0; j < rows->count; j++)
            count += is_result(&rows->items[j], word);
        if (count == 0)
            continue;
        maqet_text_appendf(&text, "%s %zu %s", parts++ > 0 ? "," : ":", count, word);
        if (strcmp(word, "FAILED") == 0)
            maqet_text_appendf(&text, " (%s)", failed);
    }
    maqet_text_append(&text, "\n");
    if (output->format == FORMAT_TABLE)
        output_text(text.data);
    maqet_text_clear(&text);
}

/* Says which checks were not run, and why. Returns the exit code. */
static int
tell_not_run(struct invocation *invocation, const struct maqet_conformance_rows *rows)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *names = names_of(rows, "not run");

    if (rows->signal != 0) {
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "Interrupted; not run: %s", *names ? names : "none");
        return SIGNAL_BASE + rows->signal;
    }
    if (rows->not_run == 0)
        return 0;
    maqet_error_set(&error, MAQET_ERROR_TIMEOUT,
                    "The time limit of %s s for all checks is over; not run: %s",
                    invocation_text(invocation, "timeout"), names);
    maqet_error_hint(&error, "Allow more time with --timeout SECONDS, or run some of the "
                             "checks with --only");
    invocation_show_error(invocation, error);
    return maqet_error_exit_code(MAQET_ERROR_TIMEOUT);
}

static int
run_checks(struct invocation *invocation, const struct maqet_conformance *request,
           struct maqet_error **err)
{
    _cleanup_conformance_rows_ struct maqet_conformance_rows rows = {0};

    show_header(&invocation->output);
    if (maqet_conformance_run(&invocation->context, request, &rows, err) < 0)
        return -1;
    show_summary(&invocation->output, &rows);
    int code = tell_not_run(invocation, &rows);
    return rows.failed > 0 && rows.signal == 0 ? maqet_error_exit_code(MAQET_ERROR_FAILED)
                                               : code;
}

int
plugin_check_run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings settings = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings only = MAQET_STRINGS_INIT;

    invocation_texts(invocation, "set", &settings);
    invocation_texts(invocation, "only", &only);
    const struct maqet_conformance request = {
        .file = operand_find(invocation, OPERAND_PLUGIN_FILE),
        .qemu = invocation_text(invocation, "qemu"),
        .settings = &settings,
        .only = &only,
        .timeout = invocation_milliseconds(invocation, "timeout"),
        .ended = show_row,
        .data = invocation,
    };
    if (invocation_has(invocation, "list"))
        return list_checks(invocation, &only, err);
    if (!request.file)
        return usage_error(invocation, err,
                           "Name the FILE of a plugin, or use --list for the checks");
    return run_checks(invocation, &request, err);
}
