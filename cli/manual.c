/* SPDX-License-Identifier: MIT */
#include "cli/manual.h"

#include <inttypes.h>
#include <string.h>

#include "cli/output.h"
#include "cli/reference.h"
#include "cli/roff.h"
#include "core/conformance/conformance.h"

/* ---- the program ---- */

/* A line of the list of commands. */
static void
append_command(struct maqet_text *text, const struct command *command)
{
    roff_append(text, ".TP\n.BR maqet\\-", command->name, " (1)\n");
    roff_append(text, "", command->summary, ".\n");
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
        roff_append(text, "", meanings[i], ".\n");
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
    roff_append_options(&text, global_options);
    maqet_text_appendf(&text, ".SH COMMANDS\n");
    for (; *commands; commands++)
        append_command(&text, *commands);
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
        roff_append(text, ".TP\n\\fB", row.check, "\\fR (");
        for (size_t j = 0; j < sizeof(whose) / sizeof(*whose); j++)
            if (strcmp(whose[j].plugins, row.plugins) == 0)
                roff_append(text, "", whose[j].meaning, "");
        maqet_text_appendf(text, "; limit: %" PRId64 " s)\n", row.limit);
        roff_append(text, "", row.text, ".\n");
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
    roff_append_options(&text, command->options);
    maqet_text_append(&text, ".PP\nThe options of all commands are in \\fBmaqet\\fR(1).\n"
                             ".SH CHECKS\nIn the order in which they are run:\n");
    append_checks(&text);
    maqet_text_append(&text,
                      ".SH OUTPUT FIELDS\nOf each check, with \\-\\-format json:\n");
    reference_append(&text, command->view->table.fields, roff_append_field);
    maqet_text_append(&text, ".SH EXAMPLES\n");
    roff_append_examples(&text, command);
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
        roff_append(text, ".TP\n.B ", words->items[i], "\n");
        for (size_t j = 0; j < sizeof(capabilities) / sizeof(*capabilities); j++)
            if (strcmp(capabilities[j].word, words->items[i]) == 0)
                roff_append(text, "It ", capabilities[j].meaning, ".\n");
    }
}

static void
append_choices(struct maqet_text *text, const struct maqet_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        roff_append(text, i == 0 ? "\nOne of: \\fB" : "\\fR, \\fB", words->items[i], "");
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
    roff_append(text, "", sentence, "");
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

        roff_append(text, ".TP\n\\fB", name, "\\fR");
        roff_append(text, " (\\fI", option->type, "\\fR");
        if (option->items)
            roff_append(text, " of \\fI", option->items, "\\fR");
        maqet_text_append(text, option->required ? ", required)\n" : ")\n");
        if (option->help)
            append_sentence(text, option->help);
        if (option->fallback)
            roff_append(text, "\nDefault: \\fB", option->fallback, "\\fR.");
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
        roff_append(text, ".SH VERSION\n", plugin->version, "\n");
    if (plugin->author)
        roff_append(text, ".SH AUTHOR\n", plugin->author, "\n");
    if (plugin->url)
        roff_append(text, plugin->author ? ".PP\n" : ".SH AUTHOR\n", plugin->url, "\n");
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

    roff_append(&text, ".TH ", page, " 5 \"\" \"maqet\" \"Plugins of maqet\"\n");
    roff_append(&text, ".SH NAME\n", page, " \\- ");
    roff_append(&text, "", plugin->summary ? plugin->summary : "a plugin of maqet",
                "\n.SH SYNOPSIS\n");
    roff_append(&text, ".EX\nstorage:\n  \\- name: DRIVE\n    ", key, "\n.EE\n");
    maqet_text_append(&text, ".SH DESCRIPTION\n");
    if (prose)
        maqet_text_append(&text, prose);
    if (storage && plugin->interface)
        roff_append(&text, ".PP\nIt is attached by the interface \\fB", plugin->interface,
                    "\\fR, unless the drive names another interface.\n");
    else if (storage)
        maqet_text_append(
            &text, ".PP\nIt attaches itself: the drive has no \\fBinterface\\fR.\n");
    maqet_text_append(&text, ".SH OPTIONS\n");
    if (plugin->option_count == 0)
        maqet_text_append(&text, "None.\n");
    append_plugin_options(&text, plugin->options, plugin->option_count, "");
    append_capabilities(&text, &plugin->capabilities);
    append_author(&text, plugin);
    maqet_text_append(&text, ".SH SEE ALSO\n.BR maqet (1),\n.BR maqet\\-plugin (1),\n"
                             ".BR maqet\\-plugin (3),\n.BR maqet.yaml (5)\n");
    return maqet_text_take(&text);
}
