/* SPDX-License-Identifier: MIT */
#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Bytes of a foreign text in a message. */
enum { READABLE_MAX = 60 };

void *
maqet_alloc(size_t size)
{
    void *pointer = calloc(1, size ? size : 1);

    if (!pointer)
        abort();
    return pointer;
}

void *
maqet_realloc(void *pointer, size_t size)
{
    pointer = realloc(pointer, size ? size : 1);
    if (!pointer)
        abort();
    return pointer;
}

char *
maqet_strndup(const char *text, size_t length)
{
    char *copy = strndup(text, length);

    if (!copy)
        abort();
    return copy;
}

char *
maqet_strdup(const char *text)
{
    return text ? maqet_strndup(text, strlen(text)) : NULL;
}

char *
maqet_vformat(const char *format, va_list arguments)
{
    char *text;

    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}

char *
maqet_format(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = maqet_vformat(format, arguments);
    va_end(arguments);
    return text;
}

/* ---- the string buffer ---- */

void
maqet_text_append_bytes(struct maqet_text *text, const char *bytes, size_t count)
{
    if (text->length + count + 1 > text->space) {
        text->space = (text->length + count + 1) * 2;
        text->data = maqet_realloc(text->data, text->space);
    }
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void
maqet_text_append(struct maqet_text *text, const char *more)
{
    maqet_text_append_bytes(text, more, strlen(more));
}

void
maqet_text_appendf(struct maqet_text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *more = maqet_vformat(format, arguments);
    va_end(arguments);
    maqet_text_append(text, more);
}

char *
maqet_text_take(struct maqet_text *text)
{
    char *data = text->data ? text->data : maqet_strdup("");

    *text = MAQET_TEXT_INIT;
    return data;
}

void
maqet_text_clear(struct maqet_text *text)
{
    free(text->data);
    *text = MAQET_TEXT_INIT;
}

/* ---- the string vector ---- */

void
maqet_strings_take(struct maqet_strings *strings, char *item)
{
    /* Including the NULL; the array doubles when that is a power of two. */
    size_t used = strings->count + 1;

    if ((used & (used - 1)) == 0)
        strings->items =
            maqet_realloc(strings->items, used * 2 * sizeof(*strings->items));
    strings->items[strings->count++] = item;
    strings->items[strings->count] = NULL;
}

void
maqet_strings_add(struct maqet_strings *strings, const char *item)
{
    maqet_strings_take(strings, maqet_strdup(item));
}

void
maqet_strings_addf(struct maqet_strings *strings, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_strings_take(strings, maqet_vformat(format, arguments));
    va_end(arguments);
}

void
maqet_strings_add_all(struct maqet_strings *strings, const struct maqet_strings *others)
{
    for (size_t i = 0; i < others->count; i++)
        maqet_strings_add(strings, others->items[i]);
}

bool
maqet_strings_has(const struct maqet_strings *strings, const char *item)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], item) == 0)
            return true;
    return false;
}

static int
compare_items(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
maqet_strings_sort(struct maqet_strings *strings)
{
    if (strings->count > 1)
        qsort(strings->items, strings->count, sizeof(*strings->items), compare_items);
}

void
maqet_strings_cut(struct maqet_strings *strings, size_t count)
{
    while (strings->count > count) {
        free(strings->items[--strings->count]);
        strings->items[strings->count] = NULL;
    }
}

char *
maqet_strings_join(const struct maqet_strings *strings, const char *separator)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < strings->count; i++) {
        if (i > 0)
            maqet_text_append(&text, separator);
        maqet_text_append(&text, strings->items[i]);
    }
    return maqet_text_take(&text);
}

char *
maqet_strings_list(const struct maqet_strings *strings)
{
    struct maqet_strings first = *strings;

    if (strings->count == 0)
        return maqet_strdup("none");
    if (strings->count <= MAQET_LISTED_MAX)
        return maqet_strings_join(strings, ", ");
    first.count = MAQET_LISTED_MAX;
    _cleanup_free_ char *list = maqet_strings_join(&first, ", ");
    return maqet_format("%s and %zu more", list, strings->count - first.count);
}

void
maqet_strings_clear(struct maqet_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = MAQET_STRINGS_INIT;
}

/* ---- words ---- */

bool
maqet_text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool
maqet_text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), size = strlen(suffix);

    return length >= size && strcmp(text + length - size, suffix) == 0;
}

const char *
maqet_text_prefix(const char *text, const char *const *prefixes)
{
    while (*prefixes && !maqet_text_starts(text, *prefixes))
        prefixes++;
    return *prefixes;
}

bool
maqet_text_is_uuid(const char *text)
{
    return strlen(text) == 36 && text[8] == '-' && text[13] == '-' &&
           strspn(text, "0123456789abcdefABCDEF-") == 36;
}

bool
maqet_text_is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words;
}

/* The number of single-character edits (insert, delete, replace, swap of neighbours) that
 * turn one word into the other: the optimal string alignment distance. */
static size_t
edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a) + 1, columns = strlen(b) + 1;
    _cleanup_free_ size_t *d = maqet_alloc(rows * columns * sizeof(*d));

    for (size_t i = 0; i < rows; i++)
        d[i * columns] = i;
    for (size_t j = 0; j < columns; j++)
        d[j] = j;
    for (size_t i = 1; i < rows; i++) {
        for (size_t j = 1; j < columns; j++) {
            size_t best = d[(i - 1) * columns + j - 1] + (a[i - 1] != b[j - 1]);

            if (d[(i - 1) * columns + j] + 1 < best)
                best = d[(i - 1) * columns + j] + 1;
            if (d[i * columns + j - 1] + 1 < best)
                best = d[i * columns + j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[(i - 2) * columns + j - 2] + 1 < best)
                best = d[(i - 2) * columns + j - 2] + 1;
            d[i * columns + j] = best;
        }
    }
    /* The analyser can't see cleanup. NOLINTNEXTLINE(clang-analyzer-*) */
    return d[rows * columns - 1];
}

const char *
maqet_text_closest(const char *word, const struct maqet_strings *candidates)
{
    /* A third of the word may be wrong: of "get", not so much that it is "new". Long words
     * from hostile files are not compared. */
    size_t length = strlen(word), limit = length < 3 ? 1 : (length + 1) / 3;
    const char *closest = NULL;

    if (length > 64)
        return NULL;
    for (size_t i = 0; i < candidates->count; i++) {
        size_t distance = edit_distance(word, candidates->items[i]);

        if (distance <= limit && distance < strlen(candidates->items[i])) {
            closest = candidates->items[i];
            limit = distance - (distance > 0);
        }
    }
    return closest;
}

/* The length of the whole characters in the first @most bytes of a text. */
static int
whole_length(const char *text, size_t most)
{
    size_t length = strnlen(text, most + 1);

    if (length <= most)
        return (int)length;
    for (length = most; length > 0 && (text[length] & 0xc0) == 0x80; length--)
        continue; /* inside a character */
    return (int)length;
}

char *
maqet_text_readable(const char *text)
{
    int length = whole_length(text, READABLE_MAX);
    char *copy =
        text[length] ? maqet_format("%.*s...", length, text) : maqet_strdup(text);

    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?';
    return copy;
}

char *
maqet_text_limit(char *text, size_t limit)
{
    if (strlen(text) <= limit)
        return text;
    while (limit > 0 && (text[limit] & 0xc0) == 0x80)
        limit--; /* inside a character */
    char *beginning = maqet_format("%.*s [...]", (int)limit, text);
    free(text);
    return beginning;
}

const char *
maqet_text_last_lines(const char *text, size_t length, bool *more)
{
    size_t at = length, lines = 0;

    for (; at > 0 && length - at < MAQET_LAST_BYTES; at--)
        if (text[at - 1] == '\n' && at < length && ++lines == MAQET_LAST_LINES)
            break;
    while (at > 0 && at < length && (text[at] & 0xc0) == 0x80)
        at++; /* inside a character */
    if (more)
        *more = at > 0;
    return text + at;
}

int
maqet_text_fitting(const char *text)
{
    return whole_length(text, MAQET_LAST_BYTES);
}

uint64_t
maqet_text_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

char *
maqet_text_double_commas(const char *text)
{
    struct maqet_text doubled = MAQET_TEXT_INIT;

    for (const char *c = text; *c; c++)
        maqet_text_append_bytes(&doubled, *c == ',' ? ",," : c, *c == ',' ? 2 : 1);
    return maqet_text_take(&doubled);
}

char *
maqet_text_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    /* 1023.95 would be rounded to 1024.0, so it becomes 1.0 of the next unit. */
    while (value >= (unit == 0 ? 1024 : 1023.95) &&
           unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1024;
        unit++;
    }
    return unit == 0 ? maqet_format("%" PRIu64 "B", bytes)
                     : maqet_format("%.1f%s", value, units[unit]);
}

char *
maqet_text_date(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm local;
    char text[32];

    if (!localtime_r(&moment, &local) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &local) == 0)
        return maqet_strdup("an unknown date");
    return maqet_strdup(text);
}

char *
maqet_text_size(uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    char unit = '\0';

    for (const char *u = units; *u && bytes >= 1024 && bytes % 1024 == 0; u++) {
        bytes /= 1024;
        unit = *u;
    }
    return unit ? maqet_format("%" PRIu64 "%c", bytes, unit)
                : maqet_format("%" PRIu64, bytes);
}
