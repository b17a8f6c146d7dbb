/* SPDX-License-Identifier: MIT */
#include "cli/candidates.h"

#include <string.h>

#include "core/base/printable.h"
#include "core/plugin/describe.h"

/* Whether a text of others can be typed and shown as it is. */
static bool
is_plain(const char *word)
{
    _cleanup_free_ char *shown = maqet_text_printable(word, strlen(word), SIZE_MAX);

    return *word && strcmp(shown, word) == 0;
}

static void
add_line(struct candidates *candidates, const char *kind, const char *word,
         const char *help)
{
    if (maqet_text_starts(word, candidates->current) && is_plain(word))
        maqet_text_appendf(&candidates->text, "%s\t%s%s\t%s\n", kind, candidates->prefix,
                           word, help ? help : "");
}

void
candidates_add(struct candidates *candidates, const char *word, const char *help)
{
    add_line(candidates, "word", word, help);
}

void
candidates_add_part(struct candidates *candidates, const char *word, const char *help)
{
    add_line(candidates, "part", word, help);
}

void
candidates_add_files(struct candidates *candidates, const char *pattern)
{
    maqet_text_appendf(&candidates->text, "files\t%s\t%s\n", candidates->prefix, pattern);
}

void
candidates_add_plugins(struct candidates *candidates, const char *kind)
{
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};

    maqet_plugin_list_all(&candidates->invocation->context, &list);
    for (size_t i = 0; i < list.count; i++)
        if (!kind || maqet_plugin_is_usable(&list.items[i], kind))
            candidates_add(candidates, list.items[i].name, list.items[i].summary);
}
