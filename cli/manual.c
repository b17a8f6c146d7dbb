/* SPDX-License-Identifier: MIT */
#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/roff.h"
#include "core/base/text.h"
#include "core/conformance/conformance.h"

/* ---- man(7) ---- */

static void
print_roff(const char *before, const char *words, const char *after)
{
    _cleanup_free_ char *text = roff(words);

    printf("%s%s%s", before, text, after);
}

static void
print_option(const struct command_option *option)
{
    printf(".TP\n");
    if (option->letter)
        printf("\\fB\\-%c\\fR, ", option->letter);
    print_roff("\\fB\\-\\-", option->name, "\\fR");
    if (option->argument)
        print_roff(" \\fI", option->argument, "\\fR");
    print_roff("\n", option->help, "");
    if (option->fallback)
        print_roff(" (default ", option->fallback, ")");
    printf(".\n");
}

static void
print_options(const struct command_option *option)
{
    for (; option && option->name; option++)
        if (option->help)
            print_option(option);
}

static void
print_command(const struct command *command)
{
    _cleanup_free_ char *synopsis = help_synopsis(command);

    print_roff(".SS \"", synopsis, "\"\n");
    print_roff("", command->summary, ".\n");
    print_roff(".PP\n", command->description, "\n");
    print_options(command->options);
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        print_roff(".PP\n", example->what, ":\n.PP\n.RS 4\n.EX\n");
        print_roff("", example->command, "\n.EE\n.RE\n");
    }
}

/* The words of all error codes that make the program end with this exit code. */
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
print_exit_status(void)
{
    static const char *const meanings[] = {
        "Done; also when it was so before",
        "It failed: QEMU, the system, or a plugin",
        "It took longer than it may, or a person was asked and said no",
        "The request is wrong: usage, configuration, no such machine, wrong state",
        "Not permitted",
    };

    for (int i = 0; i < (int)(sizeof(meanings) / sizeof(*meanings)); i++) {
        _cleanup_free_ char *codes = codes_of(i);

        printf(".TP\n.B %d\n", i);
        print_roff("", meanings[i], ".\n");
        if (*codes)
            printf("Codes of such errors: %s.\n", codes);
    }
}

/* What `maqet plugin check` looks at, from its own table. */
static void
print_checks(void)
{
    printf("\\&'maqet plugin check' tries these, in this order:\n");
    for (unsigned i = 0; maqet_conformance_name(i); i++) {
        print_roff(".TP\n.B ", maqet_conformance_name(i), "\n");
        print_roff("", maqet_conformance_text(i), ".\n");
    }
}

void
manual_print(void)
{
    printf(".SH OPTIONS\nThese may stand anywhere, and every command takes them.\n");
    print_options(global_options);
    printf(".SH COMMANDS\n");
    for (const struct command *const *command = commands; *command; command++)
        print_command(*command);
    printf(".SH CHECKS OF A PLUGIN\n");
    print_checks();
    printf(".SH EXIT STATUS\n");
    print_exit_status();
}

/* ---- shell completion ---- */

void
manual_list_commands(void)
{
    for (const struct command *const *command = commands; *command; command++)
        printf("%s\t%s\n", (*command)->name, (*command)->summary);
}

static void
list_option(const struct command_option *option)
{
    if (!option->help)
        return;
    if (option->letter)
        printf("-%c\n", option->letter);
    printf("--%s", option->name);
    if (option->argument && !option->choice)
        printf("=%s", option->argument);
    for (unsigned i = 0; option->choice && option->choice(i); i++)
        printf("%c%s", i == 0 ? '=' : '|', option->choice(i));
    printf("\n");
}

/* The words of "VM|FILE..." or "VM create|list [DRIVE]", one a line; words that are to be
 * typed as they are stay together. */
static void
list_operands(const char *operands)
{
    while (*operands) {
        size_t length = strspn(operands, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

        if (length == 0)
            length = strspn(operands, "abcdefghijklmnopqrstuvwxyz|");
        if (length > 0 && *operands != '|')
            printf("%.*s\n", (int)length, operands);
        operands += length + (operands[length] != '\0');
    }
}

int
manual_list_options(const char *name, struct maqet_error **err)
{
    const struct command *command = command_find(name, err);

    if (!command)
        return -1;
    list_operands(command->operands);
    for (const struct command_option *row = command->options; row && row->name; row++)
        list_option(row);
    for (const struct command_option *row = global_options; row->name; row++)
        list_option(row);
    return 0;
}
