/* SPDX-License-Identifier: MIT */
#include "cli/related.h"

#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/roff.h"

/* ---- what a command names ---- */

/* Its page, "maqet-NAME(1)". The caller frees. */
static char *
page_of(const struct command *command)
{
    return maqet_format("maqet-%s(1)", command->name);
}

static void
add(struct maqet_strings *pages, const char *page)
{
    if (!maqet_strings_has(pages, page))
        maqet_strings_add(pages, page);
}

/* The page of each command that is mentioned in the words as "maqet NAME"; NULL: none. */
static void
add_mentioned(struct maqet_strings *pages, const struct command *const *commands,
              const char *words)
{
    static const char program[] = "maqet ";

    while (words && (words = strstr(words, program))) {
        words += sizeof(program) - 1;
        size_t length = strspn(words, "abcdefghijklmnopqrstuvwxyz-");
        _cleanup_free_ char *name = maqet_strndup(words, length);

        for (const struct command *const *command = commands; *command; command++) {
            _cleanup_free_ char *page = page_of(*command);

            if (strcmp((*command)->name, name) == 0)
                add(pages, page);
        }
    }
}

/* The words of `related`: names of commands, and pages with their section; NULL: none. */
static void
add_related(struct maqet_strings *pages, const char *words)
{
    for (size_t length; words && *words; words += length + (words[length] == ' ')) {
        length = strcspn(words, " ");
        _cleanup_free_ char *word = maqet_strndup(words, length);
        _cleanup_free_ char *page =
            strchr(word, '(') ? TAKE_PTR(word) : maqet_format("maqet-%s(1)", word);

        add(pages, page);
    }
}

/* What a command, or one of its actions, names. */
static void
add_named(struct maqet_strings *pages, const struct command *const *commands,
          const struct command *command)
{
    add_related(pages, command->related);
    add_mentioned(pages, commands, command->description);
    for (const struct command_option *option = command->options; option->name; option++)
        add_mentioned(pages, commands, option->help);
    for (const struct command_example *example = command->examples; example->command;
         example++)
        add_mentioned(pages, commands, example->command);
    for (const struct command *action = command->actions; action && action->name;
         action++)
        add_named(pages, commands, action);
}

/* ---- both ways ---- */

/* By section, then by name. */
static int
compare(const void *a, const void *b)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    int sections = strcmp(strchr(left, '('), strchr(right, '('));

    return sections != 0 ? sections : strcmp(left, right);
}

void
related_pages(const struct command *const *commands, const char *page,
              struct maqet_strings *pages)
{
    for (size_t i = 0; commands[i]; i++) {
        _cleanup_strings_ struct maqet_strings named = MAQET_STRINGS_INIT;
        _cleanup_free_ char *own = page_of(commands[i]);

        add_named(&named, commands, commands[i]);
        if (strcmp(own, page) == 0)
            for (size_t j = 0; j < named.count; j++) {
                if (strcmp(named.items[j], page) != 0)
                    add(pages, named.items[j]);
            }
        else if (maqet_strings_has(&named, page))
            add(pages, own);
    }
    if (pages->count > 0)
        qsort(pages->items, pages->count, sizeof(*pages->items), compare);
}

void
related_print(const struct command *const *commands, const char *page)
{
    _cleanup_strings_ struct maqet_strings pages = MAQET_STRINGS_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    related_pages(commands, page, &pages);
    for (size_t i = 0; i < pages.count; i++) {
        roff_append_page(&text, pages.items[i]);
        maqet_text_append(&text, ",\n");
    }
    output_text(text.data ? text.data : "");
}
