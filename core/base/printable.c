/* SPDX-License-Identifier: MIT */
#include "core/base/printable.h"

#include <inttypes.h>
#include <string.h>

/* Lines of one message; later line feeds are shown as \n. */
enum { LINES_MAX = 50 };

/* U+FFFD, the replacement character. */
static const char replacement[] = "\xef\xbf\xbd";
enum { REPLACEMENT = 0xfffd };

/* ---- characters ---- */

/* Decodes a first byte: how many bytes follow, and the least code that needs so many. */
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
    /* An overlong form, a surrogate, or beyond Unicode. */
    if (value < least || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
        return 1;
    *code = value;
    return 1 + more;
}

/* Controls, separators, and the category Cf of Unicode 15, with the unassigned codes of
 * its blocks; sorted. */
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

/* The last position up to @at where a character begins; it has four bytes at most. */
static size_t
character_start(const char *text, size_t at)
{
    for (size_t back = 0; back < 4 && back < at; back++)
        if (((unsigned char)text[at - back] & 0xc0) != 0x80)
            return at - back;
    return at; /* not UTF-8 */
}

/* See maqet_text_shortened(). A message begins with what was attempted, and ends with the
 * reason. */
static void
append_shortened(struct maqet_text *shortened, const char *text, size_t length,
                 size_t limit)
{
    if (length <= limit) {
        maqet_text_append_bytes(shortened, text, length);
        return;
    }
    size_t tail = character_start(text, length - limit / 4);
    maqet_text_append_bytes(shortened, text, character_start(text, limit - limit / 4));
    maqet_text_appendf(shortened, "… (%zu bytes) …", length);
    maqet_text_append_bytes(shortened, text + tail, length - tail);
}

char *
maqet_text_shortened(const char *text, size_t length, size_t limit)
{
    struct maqet_text shortened = MAQET_TEXT_INIT;

    append_shortened(&shortened, text, length, limit);
    return maqet_text_take(&shortened);
}

/* Appends a character in some form. */
typedef void append_character(struct maqet_text *text, const char *character, size_t size,
                              uint32_t code);

static void
append_each(struct maqet_text *text, const char *from, size_t length,
            append_character *append)
{
    uint32_t code;

    for (size_t at = 0, size; at < length; at += size) {
        size = maqet_character(from + at, length - at, &code);
        append(text, from + at, size, code);
    }
}

static void
append_printable(struct maqet_text *text, const char *character, size_t size,
                 uint32_t code)
{
    if (maqet_character_is_printable(code))
        maqet_text_append_bytes(text, character, size);
    else if (code == '\t' || code == '\n')
        maqet_text_append(text, code == '\t' ? "\\t" : "\\n");
    else if (size == 1)
        maqet_text_appendf(text, "\\x%02x", (unsigned char)*character);
    else
        maqet_text_appendf(text, code > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32, code);
}

char *
maqet_text_printable(const char *text, size_t length, size_t limit)
{
    _cleanup_text_ struct maqet_text shortened = MAQET_TEXT_INIT;
    struct maqet_text printable = MAQET_TEXT_INIT;

    append_shortened(&shortened, text, length, limit);
    append_each(&printable, shortened.data, shortened.length, append_printable);
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

        append_each(&lines, line, length, append_printable);
        if (line[length] == '\0')
            return maqet_text_take(&lines);
        maqet_text_append(&lines, "\n  | ");
        line += length + 1;
    }
}

/* ---- for programs ---- */

static void
append_octal(struct maqet_text *text, const char *prefix, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        maqet_text_appendf(text, "%s%03o", prefix, (unsigned char)bytes[i]);
}

static void
append_reversible(struct maqet_text *text, const char *character, size_t size,
                  uint32_t code)
{
    if (code == '\\')
        maqet_text_append(text, "\\\\");
    else if (code == '\t' || code == '\n' || maqet_character_is_printable(code))
        append_printable(text, character, size, code);
    else
        append_octal(text, "\\0", character, size);
}

char *
maqet_text_reversible(const char *text, size_t length)
{
    struct maqet_text reversible = MAQET_TEXT_INIT;

    append_each(&reversible, text, length, append_reversible);
    return maqet_text_take(&reversible);
}

static void
append_utf8(struct maqet_text *text, const char *character, size_t size, uint32_t code)
{
    if (code != MAQET_NO_CHARACTER && code != REPLACEMENT)
        maqet_text_append_bytes(text, character, size);
    else
        for (size_t i = 0; i < size; i++)
            maqet_text_appendf(text, "%s%02x", replacement, (unsigned char)character[i]);
}

char *
maqet_text_utf8(const char *text, size_t length, size_t *converted)
{
    struct maqet_text valid = MAQET_TEXT_INIT;

    append_each(&valid, text, length, append_utf8);
    *converted = valid.length;
    return maqet_text_take(&valid);
}

/* ---- for shells ---- */

/* For $'...' (POSIX.1-2024): what may not be shown is written byte by byte. */
static void
append_escaped(struct maqet_text *text, const char *character, size_t size, uint32_t code)
{
    if (code == '\'' || code == '\\')
        maqet_text_append(text, "\\");
    if (maqet_character_is_printable(code))
        maqet_text_append_bytes(text, character, size);
    else
        append_octal(text, "\\", character, size);
}

static void
append_quoted(struct maqet_text *text, const char *word)
{
    size_t length = strlen(word);
    bool plain = maqet_text_is_printable(word, length);

    maqet_text_append(text, plain ? "'" : "$'");
    if (plain)
        for (const char *c = word; *c; c++)
            maqet_text_appendf(text, *c == '\'' ? "'\\%c'" : "%c", *c);
    else
        append_each(text, word, length, append_escaped);
    maqet_text_append(text, "'");
}

void
maqet_shell_append(struct maqet_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";

    if (*word && word[strspn(word, plain)] == '\0')
        maqet_text_append(text, word);
    else
        append_quoted(text, word);
}

char *
maqet_shell_quoted(const char *word)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    append_quoted(&text, word);
    return maqet_text_take(&text);
}
