/* SPDX-License-Identifier: MIT */
#include "cli/manual.h"

#include <inttypes.h>
#include <string.h>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/reference.h"
#include "core/conformance/conformance.h"

/* ---- roff ---- */

/* Appends @before and @after as they are, and the words escaped for roff: a hyphen is not a
 * minus, a line must not begin with a dot, and a line feed ends a paragraph. */
static void
append_roff(struct maqet_text *text, const char *before, const char *words,
            const char *after)
{
    maqet_text_append(text, before);
    for (const char *c = words; *c; c++) {
        /* A line that begins with one of these is a request. */
        if ((*c == '.' || *c == '\'') && (c == words || c[-1] == '\n'))
            maqet_text_append(text, "\\&");
        if (*c == '\n')
            maqet_text_append(text, "\n.PP\n");
        else if (*c == '-')
            maqet_text_append(text, "\\-");
        else if (*c == '\\')
            maqet_text_append(text, "\\e");
        else if (*c == '\'')
            maqet_text_append(text, "\\(aq");
        else
            maqet_text_append_bytes(text, c, 1);
    }
    maqet_text_append(text, after);
}

/* ---- commands ---- */

static void
append_option(struct maqet_text *text, const struct command_option *option)
{
    maqet_text_appendf(text, ".TP\n");
    if (option->letter)
        maqet_text_appendf(text, "\\fB\\-%c\\fR, ", option->letter);
    append_roff(text, "\\fB\\-\\-", option->name, "\\fR");
    if (option->argument)
        append_roff(text, " \\fI", option->argument, "\\fR");
    append_roff(text, "\n", option->help, "");
    if (option->fallback)
        append_roff(text, " (default ", option->fallback, ")");
    maqet_text_appendf(text, ".\n");
}

static void
append_options(struct maqet_text *text, const struct command_option *option)
{
    for (; option->name; option++)
        if (option->help)
            append_option(text, option);
}

/* Appends prose in Markdown, without its backquotes. */
static void
append_prose(struct maqet_text *text, const char *words)
{
    for (size_t length; *words; words += length + (words[length] == '`')) {
        length = strcspn(words, "`");
        _cleanup_free_ char *part = maqet_strndup(words, length);

        append_roff(text, "", part, "");
    }
}

static void
append_field(struct maqet_text *text, const char *path, const char *type,
             const char *unit, const char *meaning)
{
    append_roff(text, ".TP\n\\fB", path, "\\fR");
    maqet_text_appendf(text, " (%s%s%s)\n", type, *unit ? ", " : "", unit);
    append_prose(text, meaning);
    maqet_text_append(text, ".\n");
}

/* The fields of a result; @view may be NULL. */
static void
append_view(struct maqet_text *text, const struct view *view)
{
    if (!view)
        return;
    if (view->each)
        append_roff(text, ".PP\nOutput fields, of each ", view->each, ":\n");
    else if (view->table.fields)
        maqet_text_append(text, ".PP\nOutput fields:\n");
    if (view->table.fields)
        reference_append(text, view->table.fields, append_field);
    if (view->remark)
        append_roff(text, view->table.fields ? ".PP\n" : ".PP\nOutput: ", view->remark,
                    "\n");
}

static void
append_examples(struct maqet_text *text, const struct command *command)
{
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        append_roff(text, ".PP\n", example->what, ":\n.PP\n.RS 4\n.EX\n");
        append_roff(text, "", example->command, "\n.EE\n.RE\n");
    }
}

/* A command, and then its actions. */
static void
append_command(struct maqet_text *text, const struct command *group,
               const struct command *command)
{
    _cleanup_free_ char *synopsis = help_synopsis(group, command);

    append_roff(text, ".SS \"", synopsis, "\"\n");
    append_roff(text, "", command->summary, ".\n");
    if (command->description)
        append_roff(text, ".PP\n", command->description, "\n");
    append_options(text, command->options);
    append_examples(text, command);
    append_view(text, command->view);
    for (const struct command *action = command->actions; action && action->name;
         action++)
        append_command(text, command, action);
}

/* The names of all error codes with this exit code. The caller frees. */
static char *
codes_of(int exit_code)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (int code = MAQET_ERROR_FAILED; code <= MAQET_ERROR_PERMISSION; code++)
        if (maqet_error_exit_code(code) == exit_code)
            maqet_strings_addf(&names, "\\fI%s\\fR", maqet_error_code_name(code));
    return maqet_strings_join(&names, ", ");
}

static void
append_exit_status(struct maqet_text *text)
{
    static const char *const meanings[] = {
        "Done, or nothing had to be done",
        "Failure of QEMU, the system, or a plugin; also if a plugin ended the program",
        "Timeout, also of a plugin that did not return, or a question was answered with no",
        "Invalid request: usage, configuration, no such VM, wrong state",
        "Not permitted",
    };

    for (int i = 0; i < (int)(sizeof(meanings) / sizeof(*meanings)); i++) {
        _cleanup_free_ char *codes = codes_of(i);

        maqet_text_appendf(text, ".TP\n.B %d\n", i);
        append_roff(text, "", meanings[i], ".\n");
        if (*codes)
            maqet_text_appendf(text, "Codes of such errors: %s.\n", codes);
    }
}

void
manual_print(const struct command *const *commands)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text,
                       ".SH OPTIONS\nThese options can be given anywhere, with every "
                       "command.\n");
    append_options(&text, global_options);
    maqet_text_appendf(&text, ".SH COMMANDS\n");
    for (; *commands; commands++)
        append_command(&text, *commands, *commands);
    maqet_text_appendf(&text, ".SH EXIT STATUS\n");
    append_exit_status(&text);
    output_text(text.data);
}

/* ---- the checks of plugins ---- */

/* The checks, in the order in which they are run. */
static void
append_checks(struct maqet_text *text)
{
    static const struct {
        const char *plugins, *meaning;
    } whose[] = {{"all", "all plugins"},
                 {"storage", "storage plugins"},
                 {"interface", "interface plugins"}};
    struct maqet_conformance_row row = {0};

    for (unsigned i = 0; maqet_conformance_describe(i, &row); i++) {
        append_roff(text, ".TP\n\\fB", row.check, "\\fR (");
        for (size_t j = 0; j < sizeof(whose) / sizeof(*whose); j++)
            if (strcmp(whose[j].plugins, row.plugins) == 0)
                append_roff(text, "", whose[j].meaning, "");
        maqet_text_appendf(text, "; limit: %" PRId64 " s)\n", row.limit);
        append_roff(text, "", row.text, ".\n");
    }
}

void
manual_print_checks(const struct command *const *commands)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    const struct command *command = NULL;

    for (; *commands && !command; commands++)
        if (strcmp((*commands)->name, "plugin") == 0)
            command = command_action(*commands, "check");
    if (!command)
        abort();
    maqet_text_append(&text, ".SH OPTIONS\n");
    append_options(&text, command->options);
    maqet_text_append(&text, ".PP\nThe options of all commands are in \\fBmaqet\\fR(1).\n"
                             ".SH CHECKS\nIn the order in which they are run:\n");
    append_checks(&text);
    maqet_text_append(&text,
                      ".SH OUTPUT FIELDS\nOf each check, with \\-\\-format json:\n");
    reference_append(&text, command->view->table.fields, append_field);
    maqet_text_append(&text, ".SH EXAMPLES\n");
    append_examples(&text, command);
    output_text(text.data);
}

/* ---- a plugin ---- */

/* The meanings of the words in core/plugin/describe.c. */
static const struct {
    const char *word, *meaning;
} capabilities[] = {
    {"create", "creates what is missing"},
    {"inspect", "inspects what exists before QEMU opens it"},
    {"snapshot", "snapshots of a stopped VM"},
    {"live-snapshot", "keeps snapshots while the VM is running"},
    {"snapshot-rename", "renames a snapshot in place"},
    {"snapshot-export", "writes the contents of a snapshot to a file"},
    {"snapshot-serve", "serves the contents of a snapshot to a VM that runs a test"},
    {"resize", "grows while the VM is stopped"},
    {"live-resize", "grows while the VM is running"},
    {"check", "finds damage"},
    {"holders", "reports who else uses it"},
    {"helper", "runs a program beside QEMU"},
    {"hotplug", "can be attached to a running VM, and detached"},
};

static void
append_capabilities(struct maqet_text *text, const struct maqet_strings *words)
{
    if (words->count > 0)
        maqet_text_append(text, ".SH CAPABILITIES\n");
    for (size_t i = 0; i < words->count; i++) {
        append_roff(text, ".TP\n.B ", words->items[i], "\n");
        for (size_t j = 0; j < sizeof(capabilities) / sizeof(*capabilities); j++)
            if (strcmp(capabilities[j].word, words->items[i]) == 0)
                append_roff(text, "It ", capabilities[j].meaning, ".\n");
    }
}

static void
append_choices(struct maqet_text *text, const struct maqet_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        append_roff(text, i == 0 ? "\nOne of: \\fB" : "\\fR, \\fB", words->items[i], "");
    if (words->count > 0)
        maqet_text_append(text, "\\fR.");
}

static void
append_limits(struct maqet_text *text, const struct maqet_plugin_option *option)
{
    if (option->has_minimum)
        maqet_text_appendf(text, "\nAt least %" PRId64 ".", option->minimum);
    if (option->has_maximum)
        maqet_text_appendf(text, "\nAt most %" PRId64 ".", option->maximum);
}

/* A phrase as a sentence. */
static void
append_sentence(struct maqet_text *text, const char *phrase)
{
    _cleanup_free_ char *sentence = maqet_format("%s.", phrase);

    /* Only ASCII: the page is the same in every locale. */
    if (*sentence >= 'a' && *sentence <= 'z')
        *sentence = (char)(*sentence - 'a' + 'A');
    append_roff(text, "", sentence, "");
}

/* Options, and below each those of its mapping, or of the mappings in its list; @before is
 * "" or "cache.". */
static void
append_plugin_options(struct maqet_text *text, const struct maqet_plugin_option *options,
                      size_t count, const char *before)
{
    for (size_t i = 0; i < count; i++) {
        const struct maqet_plugin_option *option = &options[i];
        _cleanup_free_ char *name = maqet_format("%s%s", before, option->name);
        _cleanup_free_ char *inner =
            maqet_format("%s.%s", name, option->items ? "N." : "");

        append_roff(text, ".TP\n\\fB", name, "\\fR");
        append_roff(text, " (\\fI", option->type, "\\fR");
        if (option->items)
            append_roff(text, " of \\fI", option->items, "\\fR");
        maqet_text_append(text, option->required ? ", required)\n" : ")\n");
        if (option->help)
            append_sentence(text, option->help);
        if (option->fallback)
            append_roff(text, "\nDefault: \\fB", option->fallback, "\\fR.");
        append_choices(text, &option->choices);
        append_limits(text, option);
        maqet_text_append(text, "\n");
        append_plugin_options(text, option->options, option->option_count, inner);
    }
}

/* What it says of itself. */
static void
append_author(struct maqet_text *text, const struct maqet_plugin_info *plugin)
{
    if (plugin->version)
        append_roff(text, ".SH VERSION\n", plugin->version, "\n");
    if (plugin->author)
        append_roff(text, ".SH AUTHOR\n", plugin->author, "\n");
    if (plugin->url)
        append_roff(text, plugin->author ? ".PP\n" : ".SH AUTHOR\n", plugin->url, "\n");
}

char *
manual_of_plugin(const struct maqet_plugin_info *plugin, const char *prose)
{
    bool storage = strcmp(plugin->kind, "storage") == 0;
    const char *name = plugin->name;
    _cleanup_free_ char *page =
        maqet_format("maqet-%s-%s", storage ? "storage" : "iface", name);
    _cleanup_free_ char *key =
        maqet_format("%s: %s", storage ? "type" : "interface", name);
    struct maqet_text text = MAQET_TEXT_INIT;

    append_roff(&text, ".TH ", page, " 5 \"\" \"maqet\" \"Plugins of maqet\"\n");
    append_roff(&text, ".SH NAME\n", page, " \\- ");
    append_roff(&text, "", plugin->summary ? plugin->summary : "a plugin of maqet",
                "\n.SH SYNOPSIS\n");
    append_roff(&text, ".EX\nstorage:\n  \\- name: DRIVE\n    ", key, "\n.EE\n");
    maqet_text_append(&text, ".SH DESCRIPTION\n");
    if (prose)
        maqet_text_append(&text, prose);
    if (storage && plugin->interface)
        append_roff(&text, ".PP\nIt is attached by the interface \\fB", plugin->interface,
                    "\\fR, unless the drive names another interface.\n");
    else if (storage)
        maqet_text_append(&text,
                          ".PP\nIt attaches itself: the drive has no `interface`.\n");
    maqet_text_append(&text, ".SH OPTIONS\n");
    if (plugin->option_count == 0)
        maqet_text_append(&text, "None.\n");
    append_plugin_options(&text, plugin->options, plugin->option_count, "");
    append_capabilities(&text, &plugin->capabilities);
    append_author(&text, plugin);
    maqet_text_append(&text, ".SH SEE ALSO\n.BR maqet (1),\n.BR maqet\\-plugin (3)\n");
    return maqet_text_take(&text);
}
