/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <string.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "core/base/text.h"

enum { WIDTH = 80, OPTION_COLUMN = 28, COMMAND_COLUMN = 14, USAGE_COLUMN = 7 };
enum { EXAMPLE_COLUMN = 6 };

/* Whether any of the actions has operands of its own. */
static bool
has_operands(const struct command *actions)
{
    for (; actions && actions->name; actions++)
        if (actions->operands[0])
            return true;
    return false;
}

char *
help_synopsis(const struct command *group, const struct command *command)
{
    _cleanup_free_ char *operands = operands_synopsis(group, command);

    return maqet_format("maqet %s [OPTION]...%s%s%s", group->name, *operands ? " " : "",
                        operands, has_operands(command->actions) ? " [ARGUMENT]..." : "");
}

/* "-t, --timeout SECONDS"; without a letter, the name is aligned with the others. */
static char *
option_text(const struct command_option *option)
{
    _cleanup_free_ char *letter =
        option->letter ? maqet_format("-%c, ", option->letter) : maqet_strdup("    ");

    return maqet_format("%s--%s%s%s", letter, option->name, option->argument ? " " : "",
                        option->argument ? option->argument : "");
}

/* "  left      right", with the right part wrapped. */
static void
append_entry(struct maqet_text *text, const char *left, const char *right, size_t column)
{
    _cleanup_free_ char *wrapped = text_wrap(right, column, WIDTH);

    if (strlen(left) + 4 <= column)
        maqet_text_appendf(text, "  %-*s%s\n", (int)column - 2, left, wrapped);
    else
        maqet_text_appendf(text, "  %s\n%*s%s\n", left, (int)column, "", wrapped);
}

static void
append_paragraphs(struct maqet_text *text, const char *paragraphs)
{
    while (*paragraphs) {
        size_t length = strcspn(paragraphs, "\n");
        _cleanup_free_ char *paragraph = maqet_strndup(paragraphs, length);
        _cleanup_free_ char *wrapped = text_wrap(paragraph, 0, WIDTH);

        maqet_text_appendf(text, "\n%s\n", wrapped);
        paragraphs += length + (paragraphs[length] == '\n');
    }
}

static void
append_options(struct maqet_text *text, const char *title,
               const struct command_option *option)
{
    maqet_text_appendf(text, "\n%s:\n", title);
    for (; option->name; option++) {
        if (!option->help)
            continue;
        _cleanup_free_ char *left = option_text(option);
        _cleanup_free_ char *right =
            option->fallback
                ? maqet_format("%s (default %s)", option->help, option->fallback)
                : maqet_strdup(option->help);
        append_entry(text, left, right, OPTION_COLUMN);
    }
}

static void
append_actions(struct maqet_text *text, const struct command *group)
{
    maqet_text_append(text, "\nActions:\n");
    for (const struct command *action = group->actions; action->name; action++) {
        _cleanup_free_ char *operands = operands_synopsis(group, action);

        append_entry(text, operands, action->summary, OPTION_COLUMN);
    }
}

static void
append_examples(struct maqet_text *text, const struct command *command)
{
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        _cleanup_free_ char *what = text_wrap(example->what, EXAMPLE_COLUMN, WIDTH);

        maqet_text_appendf(text, "  %s\n%*s%s\n", example->command, EXAMPLE_COLUMN, "",
                           what);
    }
    for (const struct command *action = command->actions; action && action->name;
         action++)
        append_examples(text, action);
}

static void
append_command(struct maqet_text *text, const struct command *group,
               const struct command *command)
{
    _cleanup_free_ char *synopsis = help_synopsis(group, command);

    _cleanup_free_ char *usage = text_wrap(synopsis, USAGE_COLUMN, WIDTH);

    maqet_text_appendf(text, "Usage: %s\n\n%s.\n", usage, command->summary);
    if (command->description)
        append_paragraphs(text, command->description);
    if (command->actions)
        append_actions(text, command);
    if (command->options->name)
        append_options(text, "Options", command->options);
    maqet_text_append(text, "\nExamples:\n");
    append_examples(text, command);
    if (command->actions)
        maqet_text_appendf(text, "\nThe options of an action: maqet %s ACTION --help\n",
                           command->name);
    maqet_text_append(text, "\nFor the options of all commands: maqet --help\n");
}

static void
append_program(struct maqet_text *text, const struct command *const *commands)
{
    maqet_text_appendf(
        text,
        "Usage: maqet [OPTION]... COMMAND [ARGUMENT]...\n\nRun QEMU virtual machines "
        "from YAML files, and manage their storage.\n\nCommands:\n");
    for (; *commands; commands++)
        append_entry(text, (*commands)->name, (*commands)->summary, COMMAND_COLUMN);
    append_options(text, "Options, for every command", global_options);
    maqet_text_appendf(
        text, "\nHelp on a command: maqet COMMAND --help. The manual: man maqet\n");
}

void
help_print(const struct command *const *commands, const struct command *group,
           const struct command *command)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    if (command)
        append_command(&text, group, command);
    else
        append_program(&text, commands);
    output_text(text.data);
}

void
help_print_version(void)
{
    _cleanup_free_ char *text =
        maqet_format("maqet %s\nplugin-abi=%d plugindir=%s\n", PACKAGE_VERSION,
                     MAQET_PLUGIN_ABI, MAQET_PLUGIN_DIR);

    output_text(text);
}
