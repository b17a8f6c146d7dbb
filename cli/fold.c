/* SPDX-License-Identifier: MIT */
#include "cli/fold.h"

#include <string.h>

#include "cli/terminal.h"

/* The length of the shade that a text begins with, or 0. */
static size_t
shade_length(const char *text)
{
    if (!maqet_text_starts(text, "\033["))
        return 0;
    size_t length = strlen("\033[") + strspn(text + strlen("\033["), "0123456789;");

    return text[length] == 'm' ? length + 1 : 0;
}

/* The text without shades; the caller frees. */
static char *
unshaded(const char *text, size_t length)
{
    struct maqet_text plain = MAQET_TEXT_INIT;

    for (size_t i = 0, shade; i < length; i += shade ? shade : 1)
        if ((shade = shade_length(text + i)) == 0)
            maqet_text_append_bytes(&plain, text + i, 1);
    return maqet_text_take(&plain);
}

static size_t
width_of(const char *text, size_t length)
{
    _cleanup_free_ char *plain = unshaded(text, length);

    return text_width(plain);
}

/* The length of "ERROR: ", "1. " or "- " at the beginning of a text, or 0. */
static size_t
mark_length(const char *text)
{
    size_t title = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t number = strspn(text, "0123456789");

    if (title > 0 && maqet_text_starts(text + title, ": "))
        return title + strlen(": ");
    if (number > 0 && maqet_text_starts(text + number, ". "))
        return number + strlen(". ");
    return maqet_text_starts(text, "- ") ? strlen("- ") : 0;
}

/* How far what follows the first part of a line is indented. */
static size_t
indent_of(const char *line, size_t columns)
{
    size_t begin = strspn(line, " ");
    size_t indent = begin + mark_length(line + begin);

    if (indent > begin)
        return indent;
    /* Two spaces are between columns. Those that leave too little of the width do not count. */
    for (size_t at = begin; line[at]; at++) {
        size_t gap = strspn(line + at, " ");

        if (gap > 1) {
            size_t width = width_of(line, at + gap);

            indent = width <= columns / 2 ? width : indent;
            at += gap - 1;
        }
    }
    return indent;
}

static void
append_folded(struct maqet_text *text, const char *line, size_t length, size_t columns)
{
    _cleanup_free_ char *plain = unshaded(line, length);
    size_t indent = indent_of(plain, columns), column = 0;

    while (length > 0) {
        size_t gap = strspn(line, " ");
        gap = gap < length ? gap : length;
        size_t word = strcspn(line + gap, " ");
        word = word < length - gap ? word : length - gap;
        size_t width = width_of(line + gap, word);

        if (column > indent && column + gap + width > columns) {
            maqet_text_appendf(text, "\n%*s", (int)indent, "");
            column = indent;
        } else {
            maqet_text_append_bytes(text, line, gap);
            column += gap;
        }
        maqet_text_append_bytes(text, line + gap, word);
        column += width;
        line += gap + word;
        length -= gap + word;
    }
}

char *
fold_lines(const char *text, size_t columns)
{
    struct maqet_text folded = MAQET_TEXT_INIT;

    while (*text) {
        size_t length = strcspn(text, "\n");

        if (width_of(text, length) <= columns)
            maqet_text_append_bytes(&folded, text, length);
        else
            append_folded(&folded, text, length, columns);
        text += length;
        if (*text == '\n') {
            maqet_text_append(&folded, "\n");
            text++;
        }
    }
    return maqet_text_take(&folded);
}
