/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "cli/invocation.h"
#include "cli/manual.h"
#include "cli/plugin_check.h"
#include "cli/table.h"
#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/conformance/conformance.h"
#include "core/machine/schema.h"
#include "core/plugin/describe.h"

/* The greatest size of the prose of a manual page, in bytes. */
enum { PROSE_LIMIT = 1 << 20 };

/* ---- list ---- */

/* Reasons are sentences, and follow the table. */
static char *
list_text(const void *rows, size_t count)
{
    static const struct table table = {&maqet_listed_plugin_fields,
                                       "name kind state file", NULL};
    const struct maqet_plugin_info *plugins = rows;
    struct maqet_text text = MAQET_TEXT_INIT;
    _cleanup_free_ char *lines = table_text(&table, rows, count);

    maqet_text_append(&text, lines);
    for (size_t i = 0; i < count; i++)
        if (plugins[i].reason)
            maqet_text_appendf(&text, "\n%s: %s\n", plugins[i].name, plugins[i].reason);
    return maqet_text_take(&text);
}

static const struct view list_view = {
    .table = {.fields = &maqet_listed_plugin_fields,
              .columns = "name kind state file reason summary"},
    .list_text = list_text,
    .empty = "No plugins found.\n",
    .each = "plugin",
};

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_plugin_list_ struct maqet_plugin_list plugins = {0};

    (void)err;
    maqet_plugin_list_all(&invocation->context, &plugins);
    output_list(&invocation->output, &list_view, plugins.items, plugins.count);
    return 0;
}

/* ---- info ---- */

static void
append_limits(struct maqet_text *text, const struct maqet_plugin_option *option)
{
    if (option->has_minimum)
        maqet_text_appendf(text, " (at least %" PRId64 ")", option->minimum);
    if (option->has_maximum)
        maqet_text_appendf(text, " (at most %" PRId64 ")", option->maximum);
}

/* Options, and below each those of its mapping, or of the mappings in its list; @before is
 * "" or "cache.". */
static void
append_options(struct maqet_text *text, const struct maqet_plugin_option *options,
               size_t count, const char *before)
{
    for (size_t i = 0; i < count; i++) {
        const struct maqet_plugin_option *option = &options[i];
        _cleanup_free_ char *name = maqet_format("%s%s", before, option->name);
        _cleanup_free_ char *choices = maqet_strings_join(&option->choices, ", ");
        _cleanup_free_ char *inner =
            maqet_format("%s.%s", name, option->items ? "N." : "");

        maqet_text_appendf(text, "  %-22s  %-8s  %s", name, option->type,
                           option->help ? option->help : "");
        if (option->items)
            maqet_text_appendf(text, " (items: %s)", option->items);
        if (option->required)
            maqet_text_append(text, " (required)");
        if (option->fallback)
            maqet_text_appendf(text, " (default: %s)", option->fallback);
        append_limits(text, option);
        maqet_text_appendf(text, "%s%s\n", *choices ? "; one of: " : "", choices);
        append_options(text, option->options, option->option_count, inner);
    }
}

/* @words may be NULL. */
static void
append_line(struct maqet_text *text, const char *title, const char *words)
{
    if (words)
        maqet_text_appendf(text, "%s: %s\n", title, words);
}

static char *
info_text(const void *row)
{
    const struct maqet_plugin_info *plugin = row;
    _cleanup_free_ char *capabilities = maqet_strings_join(&plugin->capabilities, ", ");
    _cleanup_free_ char *media = maqet_strings_join(&plugin->media, ", ");
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s: %s\n", plugin->name,
                       plugin->summary ? plugin->summary : "no description");
    append_line(&text, "Version", plugin->version);
    append_line(&text, "Author", plugin->author);
    append_line(&text, "More", plugin->url);
    maqet_text_appendf(&text, "Kind: %s, plugin ABI %d\nFile: %s\n", plugin->kind,
                       plugin->abi, plugin->file);
    if (*media)
        maqet_text_appendf(&text, "For: %s\n", media);
    if (plugin->format && strcmp(plugin->format, plugin->name) != 0)
        maqet_text_appendf(&text, "Format of its images: %s\n", plugin->format);
    if (plugin->interface)
        maqet_text_appendf(&text,
                           "Attached by: %s, unless the drive names another "
                           "interface\n",
                           plugin->interface);
    if (*capabilities)
        maqet_text_appendf(&text, "Can: %s\n", capabilities);
    maqet_text_append(&text, plugin->option_count > 0 ? "Options of a drive:\n"
                                                      : "It has no options.\n");
    append_options(&text, plugin->options, plugin->option_count, "");
    return maqet_text_take(&text);
}

/* The empty column was the state's, and stays for scripts that count columns. */
static const struct view info_view = {
    .table = {.fields = &maqet_plugin_fields, .columns = "name kind = file summary"},
    .text = info_text,
    .each = "plugin",
    .remark = "A storage and an interface may have the same name.",
};

static int
run_info(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_plugin_list_ struct maqet_plugin_list plugins = {0};

    if (maqet_plugin_list_named(&invocation->context,
                                operand_find(invocation, OPERAND_PLUGIN), &plugins,
                                err) < 0)
        return -1;
    output_list(&invocation->output, &info_view, plugins.items, plugins.count);
    return 0;
}

/* ---- schema ---- */

static const struct view schema_view = {.remark =
                                            "A JSON Schema (draft 7) for YAML files."};

static int
run_schema(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    output_json(&invocation->output, maqet_schema(&invocation->context));
    return 0;
}

/* ---- manual ---- */

static const struct view manual_view = {
    .remark = "A list of strings: a page for man(1) of each plugin of that name."};

static int
run_manual(struct invocation *invocation, struct maqet_error **err)
{
    const char *file = invocation_text(invocation, "prose");
    _cleanup_free_ char *prose = NULL;

    if (file && maqet_file_read(file, PROSE_LIMIT, &prose, NULL, err) < 0)
        return -1;
    _cleanup_plugin_list_ struct maqet_plugin_list plugins = {0};
    _cleanup_strings_ struct maqet_strings pages = MAQET_STRINGS_INIT;
    if (maqet_plugin_list_named(&invocation->context,
                                operand_find(invocation, OPERAND_PLUGIN), &plugins,
                                err) < 0)
        return -1;
    for (size_t i = 0; i < plugins.count; i++) {
        struct maqet_plugin_info shown = {0};

        /* After a line feed, a plugin's text could be a request to roff. */
        maqet_fields_copy(&maqet_plugin_fields, &plugins.items[i], &shown,
                          maqet_text_shown);
        maqet_strings_take(&pages, manual_of_plugin(&shown, prose));
        maqet_fields_clear(&maqet_plugin_fields, &shown);
    }
    _cleanup_free_ char *text = maqet_strings_join(&pages, "");
    output_texts(&invocation->output, &pages, text, text);
    return 0;
}

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "list",
     .endable = true,
     .summary = "List plugins",
     .examples = {{"maqet plugin list", "List all plugins, and where they were found"}},
     .view = &list_view,
     .run = run_list},
    {.name = "info",
     .endable = true,
     .summary = "Show what a plugin can do, and the options of its drives",
     .operands = {OPERAND_PLUGIN},
     .examples = {{"maqet plugin info qcow2", "Show the options of drives of this type"}},
     .view = &info_view,
     .run = run_info},
    {.name = "check",
     .endable = true, /* a process of its own cleans up */
     .fills_terminal = true,
     .summary = "Check whether a plugin follows the rules",
     .description =
         "For authors of plugins: checks whether a plugin, in any folder, does what "
         "maqet-plugin.h requires. It creates drives with made-up options in a folder "
         "below TMPDIR, which is deleted afterwards, and runs a real qemu-img and a "
         "real QEMU, whose guest never runs. Each check has a process of its own, and "
         "its result is shown as soon as it has ended; for each failure, maqet says "
         "what the plugin did and what to do about it. --list and "
         "maqet-plugin-check(1) describe all checks. If drives are stored elsewhere, "
         "such as in an image on a server that --set names, that image is written to: "
         "name one that nobody needs.\n"
         "The exit status is 0 if no check failed, 1 if one failed, and 2 if none failed "
         "but the time limit was over before all had been run.",
     .operands = {OPERAND_PLUGIN_FILE | OPERAND_OPTIONAL},
     .options =
         {{"only", .type = OPTION_CHOICE, .argument = "CHECK",
           .choice = maqet_conformance_name,
           .help = "run only this check; may be repeated"},
          {"set", .type = OPTION_TEXT, .argument = "OPTION=VALUE",
           .help = "an option of every drive that cannot be made up, such as a "
                   "server's name; {drive} and {number} in it stand for the drive's "
                   "name and number; may be repeated"},
          {"qemu", .type = OPTION_TEXT, .argument = "PROGRAM",
           .help = "the QEMU to test with, if not the one for this host's architecture"},
          {"timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",
           .fallback = "900",
           .help = "how long all checks together may take; 0 for no limit"},
          {"list", 'l', .help = "list the checks instead of running them"}},
     .examples = {{"maqet plugin check ./maqet-storage-vdi.so",
                   "Check whether a plugin follows the "
                   "rules"},
                  {"maqet plugin check ./maqet-storage-nbd.so --set host=localhost",
                   "Check one that needs a server"},
                  {"maqet plugin check --list",
                   "The checks, and what each of them requires"}},
     .view = &plugin_check_view,
     .run = plugin_check_run},
    {.name = "schema",
     .endable = true,
     .summary = "Print a JSON Schema for YAML files",
     .description = "It includes the options of all plugins that can be loaded.",
     .examples = {{"maqet plugin schema >maqet.schema.json",
                   "Write a schema for editors that check YAML as you type"}},
     .view = &schema_view,
     .run = run_schema},
    {.name = "manual",
     .endable = true,
     .summary = "Print the manual page of a plugin, for man(1)",
     .operands = {OPERAND_PLUGIN},
     .options = {{"prose", .type = OPTION_TEXT, .argument = "FILE",
                  .help = "man(7) text to put before the options"}},
     .examples = {{"maqet plugin manual qcow2 | man -l -",
                   "The manual page of a plugin"}},
     .view = &manual_view,
     .run = run_manual},
    {0},
};

const struct command command_plugin = {
    .name = "plugin",
    .summary = "List, describe and check plugins",
    .description =
        "Storage plugins create the images of drives, interface plugins attach drives "
        "to the VM. Each plugin is loaded in a process of its own, so one that crashes "
        "is only listed as refused. If two plugins have the same name, the one in the "
        "earlier folder is used, and the other one is shadowed.\nA plugin is refused "
        "if anyone other than root and yourself can write to it or its folder, if it "
        "was built for another plugin ABI, or if it lacks something that it needs; the "
        "list gives the reason.",
    .related = "doctor maqet.yaml(5) maqet-plugin(3) maqet-plugin-check(1)",
    .actions = actions,
    .no_machines = true,
};
