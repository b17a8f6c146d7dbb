/* SPDX-License-Identifier: MIT */
#include "cli/manual.h"

#include <string.h>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/reference.h"
#include "cli/roff.h"
#include "core/base/text.h"
#include "core/conformance/conformance.h"

/* ---- man(7) ---- */

static void
append_option(struct maqet_text *text, const struct command_option *option)
{
    maqet_text_appendf(text, ".TP\n");
    if (option->letter)
        maqet_text_appendf(text, "\\fB\\-%c\\fR, ", option->letter);
    roff_append(text, "\\fB\\-\\-", option->name, "\\fR");
    if (option->argument)
        roff_append(text, " \\fI", option->argument, "\\fR");
    roff_append(text, "\n", option->help, "");
    if (option->fallback)
        roff_append(text, " (default ", option->fallback, ")");
    maqet_text_appendf(text, ".\n");
}

static void
append_options(struct maqet_text *text, const struct command_option *option)
{
    for (; option->name; option++)
        if (option->help)
            append_option(text, option);
}

/* A command, and then its actions. */
static void
append_command(struct maqet_text *text, const struct command *group,
               const struct command *command)
{
    _cleanup_free_ char *synopsis = help_synopsis(group, command);

    roff_append(text, ".SS \"", synopsis, "\"\n");
    roff_append(text, "", command->summary, ".\n");
    if (command->description)
        roff_append(text, ".PP\n", command->description, "\n");
    append_options(text, command->options);
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        roff_append(text, ".PP\n", example->what, ":\n.PP\n.RS 4\n.EX\n");
        roff_append(text, "", example->command, "\n.EE\n.RE\n");
    }
    reference_append_man(text, command->view);
    for (const struct command *action = command->actions; action && action->name;
         action++)
        append_command(text, command, action);
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
append_exit_status(struct maqet_text *text)
{
    static const char *const meanings[] = {
        "Done, or nothing had to be done",
        "Failure of QEMU, the system, or a plugin",
        "Timeout, or a question was answered with no",
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

/* What `maqet plugin check` looks at, from its own table. */
static void
append_checks(struct maqet_text *text)
{
    maqet_text_appendf(text, "\\&'maqet plugin check' runs these checks, in this "
                             "order:\n");
    for (unsigned i = 0; maqet_conformance_name(i); i++) {
        roff_append(text, ".TP\n.B ", maqet_conformance_name(i), "\n");
        roff_append(text, "", maqet_conformance_text(i), ".\n");
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
    maqet_text_appendf(&text, ".SH CHECKS OF A PLUGIN\n");
    append_checks(&text);
    maqet_text_appendf(&text, ".SH EXIT STATUS\n");
    append_exit_status(&text);
    output_text(text.data);
}
