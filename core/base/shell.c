/* SPDX-License-Identifier: MIT */
#include "core/base/shell.h"

#include <string.h>

#include "core/base/printable.h"

/* Between $' and ' (POSIX.1-2024): what may not be shown is written byte by byte. */
static void
append_escaped(struct maqet_text *text, const char *word)
{
    uint32_t code;

    maqet_text_append(text, "$'");
    for (size_t left = strlen(word), size; left > 0; word += size, left -= size) {
        size = maqet_character(word, left, &code);
        if (*word == '\'' || *word == '\\')
            maqet_text_append(text, "\\");
        if (maqet_character_is_printable(code)) {
            maqet_text_append_bytes(text, word, size);
            continue;
        }
        for (size_t i = 0; i < size; i++)
            maqet_text_appendf(text, "\\%03o", (unsigned char)word[i]);
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
maqet_shell_append(struct maqet_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";

    if (*word && word[strspn(word, plain)] == '\0')
        maqet_text_append(text, word);
    else if (!maqet_text_is_printable(word, strlen(word)))
        append_escaped(text, word);
    else
        append_quoted(text, word);
}

char *
maqet_shell_quoted(const char *word)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    if (maqet_text_is_printable(word, strlen(word)))
        append_quoted(&text, word);
    else
        append_escaped(&text, word);
    return maqet_text_take(&text);
}
