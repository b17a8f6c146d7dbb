/* SPDX-License-Identifier: MIT */
#include "cli/roff.h"

char *
roff(const char *words)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const char *c = words; *c; c++) {
        /* A line that begins with one of these is a request. */
        if ((*c == '.' || *c == '\'') && (c == words || c[-1] == '\n'))
            maqet_text_append(&text, "\\&");
        if (*c == '\n')
            maqet_text_append(&text, "\n.PP\n");
        else if (*c == '-')
            maqet_text_append(&text, "\\-");
        else if (*c == '\\')
            maqet_text_append(&text, "\\e");
        else if (*c == '\'')
            maqet_text_append(&text, "\\(aq");
        else
            maqet_text_append_bytes(&text, c, 1);
    }
    return maqet_text_take(&text);
}

void
roff_append(struct maqet_text *text, const char *before, const char *words,
            const char *after)
{
    _cleanup_free_ char *escaped = roff(words);

    maqet_text_appendf(text, "%s%s%s", before, escaped, after);
}
