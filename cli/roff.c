/* SPDX-License-Identifier: MIT */
#include "cli/roff.h"

#include <string.h>

#include "cli/reference.h"

void
roff_append(struct maqet_text *text, const char *before, const char *words,
            const char *after)
{
    bool bold = false;

    maqet_text_append(text, before);
    for (const char *c = words; *c; c++) {
        /* A line that begins with one of these is a request. */
        if ((*c == '.' || *c == '\'') && (c == words || c[-1] == '\n'))
            maqet_text_append(text, "\\&");
        if (*c == '\n')
            maqet_text_append(text, "\n.PP\n");
        else if (*c == '`' && (bold || strchr(c + 1, '`')))
            maqet_text_append(text, (bold = !bold) ? "\\fB" : "\\fR");
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

void
roff_append_page(struct maqet_text *text, const char *page)
{
    size_t length = strcspn(page, "(");
    _cleanup_free_ char *name = maqet_strndup(page, length);

    roff_append(text, ".BR ", name, " ");
    maqet_text_append(text, page + length);
}

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

void
roff_append_options(struct maqet_text *text, const struct command_option *option)
{
    for (; option->name; option++)
        if (option->help)
            append_option(text, option);
}

void
roff_append_field(struct maqet_text *text, const char *path, const char *type,
                  const char *unit, const char *meaning)
{
    roff_append(text, ".TP\n\\fB", path, "\\fR");
    maqet_text_appendf(text, " (%s%s%s)\n", type, *unit ? ", " : "", unit);
    roff_append(text, "", meaning, ".\n");
}

void
roff_append_view(struct maqet_text *text, const struct view *view)
{
    if (!view)
        return;
    if (view->each)
        roff_append(text, ".PP\nOutput fields, of each ", view->each, ":\n");
    else if (view->table.fields)
        maqet_text_append(text, ".PP\nOutput fields:\n");
    if (view->table.fields)
        reference_append(text, view->table.fields, roff_append_field);
    if (view->remark)
        roff_append(text, view->table.fields ? ".PP\n" : ".PP\nOutput: ", view->remark,
                    "\n");
}

void
roff_append_examples(struct maqet_text *text, const struct command *command)
{
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        roff_append(text, ".PP\n", example->what, ":\n.PP\n.RS 4\n.EX\n");
        roff_append(text, "", example->command, "\n.EE\n.RE\n");
    }
}
