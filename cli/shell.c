/* SPDX-License-Identifier: MIT */
#include "cli/shell.h"

#include <string.h>

#include "cli/terminal.h"

static bool
has_control(const char *text)
{
    while (*text && text_control(text) == 0)
        text++;
    return *text;
}

/* Between $' and ' (POSIX.1-2024): no control character reaches the terminal. */
static void
append_escaped(struct maqet_text *text, const char *word)
{
    maqet_text_append(text, "$'");
    for (const char *c = word; *c; c++) {
        size_t control = text_control(c);

        if (control == 0)
            maqet_text_appendf(text, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
        for (size_t i = 0; i < control; i++)
            maqet_text_appendf(text, "\\%03o", (unsigned char)c[i]);
        c += control > 1;
    }
    maqet_text_append(text, "'");
}

static void
append_quoted(struct maqet_text *text, const char *word)
{
    maqet_text_append(text, "'");
    for (const char *c = word; *c; c++)
        maqet_text_appendf(text, *c == '\'' ? "'\\%c'" : "%c", *c);
    maqet_text_append(text, "'");
}

void
shell_append(struct maqet_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";

    if (*word && word[strspn(word, plain)] == '\0')
        maqet_text_append(text, word);
    else if (has_control(word))
        append_escaped(text, word);
    else
        append_quoted(text, word);
}
