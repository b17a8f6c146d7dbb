/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "cli/fields.h"
#include "cli/invocation.h"
#include "cli/json.h"
#include "cli/plugin_manual.h"
#include "cli/table.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/conformance/conformance.h"
#include "core/machine/schema.h"
#include "core/plugin/describe.h"

/* Bytes of the prose of a manual page. */
enum { PROSE_LIMIT = 1 << 20 };

/* ---- list ---- */

#define COMMON_COLUMNS                                                                   \
    {"name", "NAME", COLUMN_TEXT}, {"kind", "KIND", COLUMN_TEXT},                        \
        {"state", "STATE", COLUMN_TEXT},                                                 \
    {                                                                                    \
        "file", "FILE", COLUMN_TEXT                                                      \
    }

static const struct column plain_columns[] = {COMMON_COLUMNS,
                                              {"reason", "REASON", COLUMN_TEXT},
                                              {"summary", "SUMMARY", COLUMN_TEXT},
                                              {0}};
static const struct column table_columns[] = {COMMON_COLUMNS, {0}};

/* A reason is a whole sentence, and stands below the table. */
static char *
list_text(json_object *rows, bool colour)
{
    _cleanup_free_ char *table = table_text(table_columns, rows, colour);
    struct maqet_text text = MAQET_TEXT_INIT;

    if (json_object_array_length(rows) == 0)
        return maqet_strdup("No plugins found.\n");
    maqet_text_append(&text, table);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *reason = maqet_json_text(row, "reason");

        if (reason)
            maqet_text_appendf(&text, "\n%s: %s\n", field_get(row, "name"), reason);
    }
    return maqet_text_take(&text);
}

static char *
plain_lines(const struct column *columns, json_object *rows)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        _cleanup_free_ char *line =
            table_plain(columns, json_object_array_get_idx(rows, i));

        maqet_text_append(&text, line);
    }
    return maqet_text_take(&text);
}

static char *
list_plain(json_object *rows)
{
    return plain_lines(plain_columns, rows);
}

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    output_result(&invocation->output, &invocation->command->view,
                  maqet_plugin_list(&invocation->context));
    return 0;
}

/* ---- info ---- */

static void
append_words(struct maqet_text *text, const char *title, json_object *words)
{
    size_t count =
        json_object_is_type(words, json_type_array) ? json_object_array_length(words) : 0;

    for (size_t i = 0; i < count; i++)
        maqet_text_appendf(text, "%s%s", i == 0 ? title : ", ",
                           json_object_get_string(json_object_array_get_idx(words, i)));
    if (count > 0)
        maqet_text_append(text, "\n");
}

static void append_options(struct maqet_text *text, json_object *options,
                           const char *before);

static void
append_option(struct maqet_text *text, json_object *option, const char *before)
{
    const char *fallback = maqet_json_text(option, "fallback");
    _cleanup_free_ char *name =
        maqet_format("%s%s", before, maqet_json_text(option, "name"));
    const char *help = maqet_json_text(option, "help");

    maqet_text_appendf(text, "  %-24s %-8s %s", name, maqet_json_text(option, "type"),
                       help ? help : "");
    if (json_object_get_boolean(json_object_object_get(option, "required")))
        maqet_text_append(text, " (required)");
    if (fallback)
        maqet_text_appendf(text, " (default: %s)", fallback);
    append_words(text, "; one of: ", json_object_object_get(option, "choices"));
    if (!json_object_object_get(option, "choices"))
        maqet_text_append(text, "\n");
    _cleanup_free_ char *inner = maqet_format("%s.", name);
    append_options(text, json_object_object_get(option, "options"), inner);
}

static void
append_options(struct maqet_text *text, json_object *options, const char *before)
{
    for (size_t i = 0; options && i < json_object_array_length(options); i++)
        append_option(text, json_object_array_get_idx(options, i), before);
}

static char *
info_text(json_object *row, bool colour)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    const char *interface = maqet_json_text(row, "interface");
    const char *summary = maqet_json_text(row, "summary");
    json_object *options = json_object_object_get(row, "options");

    (void)colour;
    maqet_text_appendf(&text, "%s: %s\n", field_get(row, "name"),
                       summary ? summary : "a plugin without a word on itself");
    maqet_text_appendf(&text, "Kind: %s, plugin ABI %" PRId64 "\nFile: %s\n",
                       field_get(row, "kind"), maqet_json_int(row, "abi"),
                       field_get(row, "file"));
    if (interface)
        maqet_text_appendf(&text, "Attached by: %s, unless the drive says another one\n",
                           interface);
    append_words(&text, "Can: ", json_object_object_get(row, "capabilities"));
    maqet_text_append(&text, json_object_array_length(options) > 0
                                 ? "Options of a drive:\n"
                                 : "It has no options.\n");
    append_options(&text, options, "");
    return maqet_text_take(&text);
}

static const struct column info_columns[] = {
    COMMON_COLUMNS, {"summary", "SUMMARY", COLUMN_TEXT}, {0}};
static int
run_info(struct invocation *invocation, struct maqet_error **err)
{
    json_object *rows = maqet_plugin_info(&invocation->context,
                                          operand_find(invocation, OPERAND_PLUGIN), err);

    if (rows)
        output_result(&invocation->output, &invocation->command->view, rows);
    return rows ? 0 : -1;
}

/* ---- check ---- */

static const struct column check_columns[] = {{"check", "CHECK", COLUMN_TEXT},
                                              {"result", "RESULT", COLUMN_TEXT},
                                              {"why", "WHY", COLUMN_TEXT},
                                              {"hint", "HINT", COLUMN_TEXT},
                                              {0}};
static const struct column result_columns[] = {
    {"check", "CHECK", COLUMN_TEXT}, {"result", "RESULT", COLUMN_TEXT}, {0}};

static bool
is_result(json_object *row, const char *result)
{
    return strcmp(field_get(row, "result"), result) == 0;
}

/* The names of all checks that were skipped for the same reason as the one at @index;
 * NULL: they were told with an earlier one. The caller frees. */
static char *
skipped_alike(json_object *rows, size_t index)
{
    const char *why = maqet_json_text(json_object_array_get_idx(rows, index), "why");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);

        if (!is_result(row, "skipped") || strcmp(field_get(row, "why"), why) != 0)
            continue;
        if (i < index)
            return NULL;
        maqet_strings_add(&names, field_get(row, "check"));
    }
    return maqet_strings_join(&names, ", ");
}

/* A reason is a whole sentence, and stands below the table; what has failed comes last,
 * where it is seen. */
static char *
check_text(json_object *rows, bool colour)
{
    _cleanup_free_ char *table = table_text(result_columns, rows, colour);
    size_t count = json_object_array_length(rows);
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, table);
    for (size_t i = 0; i < count; i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        _cleanup_free_ char *names =
            is_result(row, "skipped") ? skipped_alike(rows, i) : NULL;

        if (names)
            maqet_text_appendf(&text, "\n%s skipped: %s\n", names, field_get(row, "why"));
    }
    for (size_t i = 0; i < count; i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *hint = maqet_json_text(row, "hint");

        if (!is_result(row, "FAILED"))
            continue;
        maqet_text_appendf(&text, "\n%s FAILED: %s\n", field_get(row, "check"),
                           field_get(row, "why"));
        if (hint)
            maqet_text_appendf(&text, "  What to do: %s\n", hint);
    }
    return maqet_text_take(&text);
}

static char *
check_plain(json_object *rows)
{
    return plain_lines(check_columns, rows);
}

static int
run_check(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings settings = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings only = MAQET_STRINGS_INIT;
    unsigned failed = 0;

    invocation_texts(invocation, "set", &settings);
    invocation_texts(invocation, "only", &only);
    const struct maqet_conformance request = {
        .file = operand_find(invocation, OPERAND_PLUGIN_FILE),
        .qemu = invocation_text(invocation, "qemu"),
        .settings = &settings,
        .only = &only,
    };
    json_object *rows =
        maqet_conformance_run(&invocation->context, &request, &failed, err);
    if (!rows)
        return -1;
    output_result(&invocation->output, &invocation->command->view, rows);
    return failed > 0 ? maqet_error_exit_code(MAQET_ERROR_FAILED) : 0;
}

/* ---- schema ---- */

static char *
schema_text(json_object *schema, bool colour)
{
    (void)colour;
    return json_pretty(schema);
}

static char *
schema_plain(json_object *schema)
{
    _cleanup_free_ char *line = json_line(schema);

    return maqet_format("%s\n", line);
}

static int
run_schema(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    output_result(&invocation->output, &invocation->command->view,
                  maqet_schema(&invocation->context));
    return 0;
}

/* ---- manual ---- */

/* A page is a text as it is, for man(1). */
static char *
manual_text(json_object *page, bool colour)
{
    (void)colour;
    return maqet_strdup(json_object_get_string(page));
}

static char *
manual_plain(json_object *page)
{
    return manual_text(page, false);
}

static int
run_manual(struct invocation *invocation, struct maqet_error **err)
{
    const char *file = invocation_text(invocation, "prose");
    _cleanup_free_ char *prose = NULL;

    if (file && maqet_file_read(file, PROSE_LIMIT, &prose, NULL, err) < 0)
        return -1;
    _cleanup_json_ json_object *info = maqet_plugin_info(
        &invocation->context, operand_find(invocation, OPERAND_PLUGIN), err);
    if (!info)
        return -1;
    /* A line feed in what a plugin says could begin a request of roff's. */
    _cleanup_json_ json_object *rows = json_printable(info);
    json_object *pages = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        _cleanup_free_ char *page =
            plugin_manual(json_object_array_get_idx(rows, i), prose);

        json_object_array_add(pages, json_object_new_string(page));
    }
    output_result(&invocation->output, &invocation->command->view, pages);
    return 0;
}

/* ---- the command ---- */

static const struct command_option check_options[] = {
    {.name = "only",
     .type = OPTION_CHOICE,
     .argument = "CHECK",
     .choice = maqet_conformance_name,
     .help = "run this check alone; may be repeated"},
    {.name = "set",
     .type = OPTION_TEXT,
     .argument = "OPTION=VALUE",
     .help = "an option of every drive, such as a server's name, which nobody can make "
             "up; may be repeated"},
    {.name = "qemu",
     .type = OPTION_TEXT,
     .argument = "PROGRAM",
     .help = "the QEMU to try it with, if not that of this machine's architecture"},
    {0},
};
static const struct command_option manual_options[] = {
    {.name = "prose",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help = "man(7) text to stand before the options"},
    {0},
};

static const struct command_example list_examples[] = {
    {"maqet plugin list", "What there is, and where it was found"},
    {0},
};
static const struct command_example info_examples[] = {
    {"maqet plugin info qcow2", "What a drive of that type may say"},
    {0},
};
static const struct command_example check_examples[] = {
    {"maqet plugin check ./maqet-storage-vdi.so", "Try whether a plugin keeps the rules"},
    {"maqet plugin check ./maqet-storage-nbd.so --set host=localhost --only qemu",
     "One check, of a plugin that needs a server"},
    {0},
};
static const struct command_example schema_examples[] = {
    {"maqet plugin schema >maqet.schema.json",
     "For an editor that checks YAML as you type"},
    {0},
};
static const struct command_example manual_examples[] = {
    {"maqet plugin manual qcow2 | man -l -", "The manual page of a plugin"},
    {0},
};

static const struct command actions[] = {
    {.name = "list",
     .summary = "List plugins",
     .examples = list_examples,
     .view = {.text = list_text, .plain = list_plain, .whole = true},
     .run = run_list},
    {.name = "info",
     .summary = "Show what a plugin can do, and the options of its drives",
     .operands = {OPERAND_PLUGIN},
     .examples = info_examples,
     .view = {.columns = info_columns, .text = info_text},
     .run = run_info},
    {.name = "check",
     .summary = "Try whether a plugin keeps the rules",
     .description =
         "For authors of plugins: tries whether a plugin, wherever it lies, keeps what "
         "maqet-plugin.h promises. It makes drives with made-up options in a folder "
         "below TMPDIR, which goes again, and runs a real qemu-img and a real QEMU, whose "
         "guest never runs. Each check has a process of its own; for one that fails it "
         "says what the plugin did and what to do, and maqet ends with 1. What a drive is "
         "made of elsewhere, such as the image on a server that --set names, is written "
         "to: name one that nobody needs.",
     .operands = {OPERAND_PLUGIN_FILE},
     .options = check_options,
     .examples = check_examples,
     .view = {.text = check_text, .plain = check_plain, .whole = true},
     .run = run_check},
    {.name = "schema",
     .summary = "Print a JSON Schema of what a YAML file may say",
     .description = "It has the options of all plugins that load.",
     .examples = schema_examples,
     .view =
         {.text = schema_text, .plain = schema_plain, .whole = true, .verbatim = true},
     .run = run_schema},
    {.name = "manual",
     .summary = "Print the manual page of a plugin, for man(1)",
     .operands = {OPERAND_PLUGIN},
     .options = manual_options,
     .examples = manual_examples,
     .view = {.text = manual_text, .plain = manual_plain, .verbatim = true},
     .run = run_manual},
    {0},
};

const struct command command_plugin = {
    .name = "plugin",
    .summary = "List plugins, tell what they can do, and check one",
    .description =
        "Storage plugins make the images of drives, interface plugins attach drives to "
        "the machine. Each is loaded in a process of its own, so that one that crashes "
        "is only listed as refused. Of two plugins of one name the one in the earlier "
        "folder counts; the other one is shadowed.\n"
        "A plugin is refused when others than root and yourself could write it or its "
        "folder, when it was built for another plugin ABI, or when it lacks what it "
        "needs; the list says why.",
    .actions = actions,
    .no_machines = true,
};
