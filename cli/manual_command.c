/* SPDX-License-Identifier: MIT */
#include "cli/manual_command.h"

#include <ctype.h>
#include <string.h>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/related.h"
#include "cli/roff.h"

static bool
has_options(const struct command_option *options)
{
    for (; options->name; options++)
        if (options->help)
            return true;
    return false;
}

/* A phrase as it stands after the name: "Start VMs", but "KVM" keeps its capitals. */
static char *
uncapitalised(const char *phrase)
{
    char *text = maqet_strdup(phrase);

    if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
        text[0] = (char)(text[0] - 'A' + 'a');
    return text;
}

static void
append_synopses(struct maqet_text *text, const struct command *command)
{
    const struct command *action = command->actions;

    maqet_text_append(text, ".SH SYNOPSIS\n.nf\n");
    do {
        _cleanup_free_ char *synopsis = help_synopsis(command, action ? action : command);

        roff_append(text, "", synopsis, "\n");
    } while (action && (++action)->name);
    maqet_text_append(text, ".fi\n");
}

static void
append_action(struct maqet_text *text, const struct command *group,
              const struct command *action)
{
    _cleanup_free_ char *synopsis = help_synopsis(group, action);

    roff_append(text, ".SS \"", synopsis, "\"\n");
    roff_append(text, "", action->summary, ".\n");
    if (action->description)
        roff_append(text, ".PP\n", action->description, "\n");
    roff_append_options(text, action->options);
    roff_append_examples(text, action);
    roff_append_view(text, action->view);
}

/* What a command without actions has in sections of their own. */
static void
append_sections(struct maqet_text *text, const struct command *command)
{
    if (has_options(command->options))
        maqet_text_append(text, ".SH OPTIONS\n");
    roff_append_options(text, command->options);
    if (command->view)
        maqet_text_append(text, ".SH OUTPUT\n");
    roff_append_view(text, command->view);
    if (command->examples->command)
        maqet_text_append(text, ".SH EXAMPLES\n");
    roff_append_examples(text, command);
}

static void
append_see_also(struct maqet_text *text, const struct command *const *commands,
                const char *name)
{
    _cleanup_strings_ struct maqet_strings pages = MAQET_STRINGS_INIT;
    _cleanup_free_ char *page = maqet_format("maqet-%s(1)", name);

    related_pages(commands, page, &pages);
    maqet_text_append(text, ".SH SEE ALSO\n.BR maqet (1)");
    for (size_t i = 0; i < pages.count; i++) {
        maqet_text_append(text, ",\n");
        roff_append_page(text, pages.items[i]);
    }
    maqet_text_append(text, "\n");
}

int
manual_print_command(const struct command *const *commands, const char *name)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    const struct command *command = NULL;

    for (size_t i = 0; commands[i] && !command; i++)
        if (strcmp(commands[i]->name, name) == 0)
            command = commands[i];
    if (!command)
        return -1;
    _cleanup_free_ char *summary = uncapitalised(command->summary);
    roff_append(&text, ".TH maqet\\-", name, " 1 \"\" \"maqet ");
    roff_append(&text, "", PACKAGE_VERSION, "\" \"User Commands\"\n");
    roff_append(&text, ".SH NAME\nmaqet\\-", name, " \\- ");
    roff_append(&text, "", summary, "\n");
    append_synopses(&text, command);
    roff_append(&text, ".SH DESCRIPTION\n", command->summary, ".\n");
    if (command->description)
        roff_append(&text, ".PP\n", command->description, "\n");
    if (command->actions)
        maqet_text_append(&text, ".SH ACTIONS\n");
    for (const struct command *action = command->actions; action && action->name;
         action++)
        append_action(&text, command, action);
    if (!command->actions)
        append_sections(&text, command);
    maqet_text_append(&text,
                      ".PP\nThe options of all commands, the formats of output and "
                      "the exit status are described in\n.BR maqet (1).\n");
    append_see_also(&text, commands, name);
    output_text(text.data);
    return 0;
}
