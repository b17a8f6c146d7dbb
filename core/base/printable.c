/* SPDX-License-Identifier: MIT */
#include "core/base/printable.h"

#include <inttypes.h>
#include <string.h>

/* Lines of one message; the line feeds behind them are shown as \n. */
enum { LINES_MAX = 50 };

/* U+FFFD, which stands for what is no character. */
static const char replacement[] = "\xef\xbf\xbd";
enum { REPLACEMENT = 0xfffd };

/* ---- characters ---- */

/* What the first byte says: how many follow it, and the least code that needs so many. */
static bool
read_first(unsigned char first, size_t *more, uint32_t *code, uint32_t *least)
{
    if (first < 0x80) {
        *more = 0, *code = first, *least = 0;
    } else if ((first & 0xe0) == 0xc0) {
        *more = 1, *code = first & 0x1f, *least = 0x80;
    } else if ((first & 0xf0) == 0xe0) {
        *more = 2, *code = first & 0x0f, *least = 0x800;
    } else if ((first & 0xf8) == 0xf0) {
        *more = 3, *code = first & 0x07, *least = 0x10000;
    } else {
        return false;
    }
    return true;
}

size_t
maqet_character(const char *text, size_t left, uint32_t *code)
{
    size_t more;
    uint32_t value, least;

    *code = MAQET_NO_CHARACTER;
    if (!read_first((unsigned char)text[0], &more, &value, &least) || more >= left)
        return 1;
    for (size_t i = 1; i <= more; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | ((unsigned char)text[i] & 0x3f);
    }
    /* Longer than need be, half of a UTF-16 pair, or beyond the last one. */
    if (value < least || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
        return 1;
    *code = value;
    return 1 + more;
}

/* Controls, separators, and the category Cf of Unicode 15, with room for what is to come
 * in its blocks; sorted. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},
    {0x08e2, 0x08e2},   {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool
maqet_character_is_printable(uint32_t code)
{
    if (code >= 0x20 && code <= 0x7e) /* most */
        return true;
    if (code > 0x10ffff || (code & 0xfffe) == 0xfffe)
        return false;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
        if (code <= hidden[i].last)
            return code < hidden[i].first;
    return true;
}

bool
maqet_text_is_printable(const char *text, size_t length)
{
    uint32_t code;

    for (size_t at = 0; at < length;) {
        at += maqet_character(text + at, length - at, &code);
        if (!maqet_character_is_printable(code))
            return false;
    }
    return true;
}

/* ---- for people ---- */

/* The last place up to @at where a character begins: one is four bytes long at most. */
static size_t
boundary(const char *text, size_t at)
{
    for (size_t back = 0; back < 4 && back < at; back++)
        if (((unsigned char)text[at - back] & 0xc0) != 0x80)
            return at - back;
    return at; /* no UTF-8 */
}

/* A message begins with what was attempted, and ends with the reason: so what is too long
 * is left out in the middle. Sets where the beginning ends, and where the end begins. */
static bool
is_too_long(const char *text, size_t length, size_t limit, size_t *head, size_t *tail)
{
    *head = *tail = length;
    if (length <= limit)
        return false;
    *head = boundary(text, limit - limit / 4);
    *tail = boundary(text, length - limit / 4);
    return true;
}

char *
maqet_text_shortened(const char *text, size_t length, size_t limit)
{
    struct maqet_text shortened = MAQET_TEXT_INIT;
    size_t head, tail;
    bool too_long = is_too_long(text, length, limit, &head, &tail);

    maqet_text_append_bytes(&shortened, text, head);
    if (too_long)
        maqet_text_appendf(&shortened, "… (%zu bytes) …", length);
    maqet_text_append_bytes(&shortened, text + tail, length - tail);
    return maqet_text_take(&shortened);
}

static void
append_printable(struct maqet_text *printable, const char *text, size_t length)
{
    uint32_t code;

    for (size_t at = 0; at < length;) {
        const char *character = text + at;
        size_t size = maqet_character(character, length - at, &code);

        if (maqet_character_is_printable(code))
            maqet_text_append_bytes(printable, character, size);
        else if (code == '\t' || code == '\n')
            maqet_text_append(printable, code == '\t' ? "\\t" : "\\n");
        else if (size == 1)
            maqet_text_appendf(printable, "\\x%02x", (unsigned char)*character);
        else
            maqet_text_appendf(printable,
                               code > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32, code);
        at += size;
    }
}

char *
maqet_text_printable(const char *text, size_t length, size_t limit)
{
    struct maqet_text printable = MAQET_TEXT_INIT;
    size_t head, tail;
    bool too_long = is_too_long(text, length, limit, &head, &tail);

    append_printable(&printable, text, head);
    if (too_long)
        maqet_text_appendf(&printable, "… (%zu bytes) …", length);
    append_printable(&printable, text + tail, length - tail);
    return maqet_text_take(&printable);
}

char *
maqet_text_shown(const char *text)
{
    return maqet_text_printable(text, strlen(text), MAQET_SHOWN_MAX);
}

char *
maqet_text_printable_lines(const char *text)
{
    _cleanup_free_ char *shortened =
        maqet_text_shortened(text, strlen(text), MAQET_MESSAGE_MAX);
    struct maqet_text lines = MAQET_TEXT_INIT;
    const char *line = shortened;

    for (size_t count = 1;; count++) {
        size_t length = count < LINES_MAX ? strcspn(line, "\n") : strlen(line);

        append_printable(&lines, line, length);
        if (line[length] == '\0')
            return maqet_text_take(&lines);
        maqet_text_append(&lines, "\n  | ");
        line += length + 1;
    }
}

/* ---- for programs ---- */

char *
maqet_text_reversible(const char *text, size_t length)
{
    struct maqet_text reversible = MAQET_TEXT_INIT;
    uint32_t code;

    for (size_t at = 0; at < length;) {
        size_t size = maqet_character(text + at, length - at, &code);

        if (code == '\\')
            maqet_text_append(&reversible, "\\\\");
        else if (maqet_character_is_printable(code))
            maqet_text_append_bytes(&reversible, text + at, size);
        else if (code == '\t' || code == '\n')
            maqet_text_append(&reversible, code == '\t' ? "\\t" : "\\n");
        else
            for (size_t i = 0; i < size; i++)
                maqet_text_appendf(&reversible, "\\0%03o", (unsigned char)text[at + i]);
        at += size;
    }
    return maqet_text_take(&reversible);
}

char *
maqet_text_utf8(const char *text, size_t length, size_t *converted)
{
    struct maqet_text valid = MAQET_TEXT_INIT;
    uint32_t code;

    for (size_t at = 0; at < length;) {
        size_t size = maqet_character(text + at, length - at, &code);

        if (code != MAQET_NO_CHARACTER && code != REPLACEMENT)
            maqet_text_append_bytes(&valid, text + at, size);
        else
            for (size_t i = 0; i < size; i++)
                maqet_text_appendf(&valid, "%s%02x", replacement,
                                   (unsigned char)text[at + i]);
        at += size;
    }
    *converted = valid.length;
    return maqet_text_take(&valid);
}
