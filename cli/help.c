/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"
#include "core/base/text.h"

enum { WIDTH = 80, OPTION_COLUMN = 28, COMMAND_COLUMN = 12 };

char *
help_synopsis(const struct command *command)
{
    return maqet_format("maqet %s [OPTION]...%s%s", command->name,
                        *command->operands ? " " : "", command->operands);
}

/* "-t, --timeout SECONDS"; those without a letter stand below the others' names. */
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
print_entry(const char *left, const char *right, size_t column)
{
    _cleanup_free_ char *wrapped = text_wrap(right, column, WIDTH);

    if (strlen(left) + 4 <= column)
        printf("  %-*s%s\n", (int)column - 2, left, wrapped);
    else
        printf("  %s\n%*s%s\n", left, (int)column, "", wrapped);
}

static void
print_paragraphs(const char *paragraphs)
{
    while (*paragraphs) {
        size_t length = strcspn(paragraphs, "\n");
        _cleanup_free_ char *paragraph = maqet_strndup(paragraphs, length);
        _cleanup_free_ char *wrapped = text_wrap(paragraph, 0, WIDTH);

        printf("\n%s\n", wrapped);
        paragraphs += length + (paragraphs[length] == '\n');
    }
}

static void
print_options(const char *title, const struct command_option *option)
{
    printf("\n%s:\n", title);
    for (; option->name; option++) {
        if (!option->help)
            continue;
        _cleanup_free_ char *left = option_text(option);
        _cleanup_free_ char *right =
            option->fallback
                ? maqet_format("%s (default %s)", option->help, option->fallback)
                : maqet_strdup(option->help);
        print_entry(left, right, OPTION_COLUMN);
    }
}

static void
print_command(const struct command *command)
{
    _cleanup_free_ char *synopsis = help_synopsis(command);

    printf("Usage: %s\n\n%s.\n", synopsis, command->summary);
    print_paragraphs(command->description);
    if (command->options)
        print_options("Options", command->options);
    printf("\nExamples:\n");
    for (const struct command_example *example = command->examples; example->command;
         example++)
        printf("  %s\n      %s\n", example->command, example->what);
    printf("\nThe options that all commands take: maqet --help\n");
}

static void
print_program(void)
{
    printf("Usage: maqet [OPTION]... COMMAND [ARGUMENT]...\n\n"
           "Run QEMU virtual machines from YAML files, and look after their storage.\n\n"
           "Commands:\n");
    for (const struct command *const *command = commands; *command; command++)
        print_entry((*command)->name, (*command)->summary, COMMAND_COLUMN);
    print_options("Options, for every command", global_options);
    printf("\nMore on a command: maqet COMMAND --help. The whole manual: man maqet\n");
}

void
help_print(const struct command *command)
{
    if (command)
        print_command(command);
    else
        print_program();
}

void
help_print_version(void)
{
    printf("maqet %s\nplugin-abi=%d plugindir=%s\n", PACKAGE_VERSION, MAQET_PLUGIN_ABI,
           MAQET_PLUGIN_DIR);
}
