/* SPDX-License-Identifier: MIT */
/*
 * text.h - the string buffer, the string vector, and text for messages. Running out of
 * memory aborts: no caller could do better, and running machines are not affected.
 */
#ifndef MAQET_BASE_TEXT_H
#define MAQET_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <maqet-plugin.h>

#include "core/base/cleanup.h"

void *maqet_alloc(size_t size); /* zeroed */
void *maqet_realloc(void *pointer, size_t size);

/* Adds an item, all zero, at the end of an array. Evaluates to its address. */
#define MAQET_APPEND(items, count)                                                       \
    ({                                                                                   \
        (items) = maqet_realloc((items), ((count) + 1) * sizeof(*(items)));              \
        (items)[(count)] = (__typeof__(*(items))){0};                                    \
        &(items)[(count)++];                                                             \
    })

char *maqet_strdup(const char *text); /* NULL stays NULL */
char *maqet_strndup(const char *text, size_t length);
char *maqet_format(const char *format, ...) MAQET_PRINTF(1, 2);
char *maqet_vformat(const char *format, va_list arguments) MAQET_PRINTF(1, 0);

/* A string buffer. All zero is empty; `data` is NULL or NUL-terminated. */
struct maqet_text {
    char *data;
    size_t length;
    size_t space;
};

#define MAQET_TEXT_INIT ((struct maqet_text){0})

void maqet_text_append(struct maqet_text *text, const char *more);
void maqet_text_append_bytes(struct maqet_text *text, const char *bytes, size_t count);
void maqet_text_appendf(struct maqet_text *text, const char *format, ...)
    MAQET_PRINTF(2, 3);
char *maqet_text_take(struct maqet_text *text); /* never NULL; caller frees */
void maqet_text_clear(struct maqet_text *text);

#define _cleanup_text_ _cleanup_(maqet_text_clear)

/* A vector of owned strings. All zero is empty; `items` is NULL, or ends with NULL. */
struct maqet_strings {
    char **items;
    size_t count;
};

#define MAQET_STRINGS_INIT ((struct maqet_strings){0})

void maqet_strings_add(struct maqet_strings *strings, const char *item);
void maqet_strings_addf(struct maqet_strings *strings, const char *format, ...)
    MAQET_PRINTF(2, 3);
void maqet_strings_take(struct maqet_strings *strings, char *item); /* takes the item */
void maqet_strings_add_all(struct maqet_strings *strings,
                           const struct maqet_strings *others);
bool maqet_strings_has(const struct maqet_strings *strings, const char *item);
/* Keeps the first @count of them. */
void maqet_strings_cut(struct maqet_strings *strings, size_t count);
void maqet_strings_sort(struct maqet_strings *strings);
char *maqet_strings_join(const struct maqet_strings *strings, const char *separator);
/* For messages: the first MAQET_LISTED_MAX of them, joined with ", ", and how many more
 * there are; "none" if there are none. The caller frees. */
enum { MAQET_LISTED_MAX = 20 };
char *maqet_strings_list(const struct maqet_strings *strings);
void maqet_strings_clear(struct maqet_strings *strings);

#define _cleanup_strings_ _cleanup_(maqet_strings_clear)

bool maqet_text_starts(const char *text, const char *prefix);
bool maqet_text_ends(const char *text, const char *suffix);

/* Whether a text has the form of a UUID: 36 characters. */
bool maqet_text_is_uuid(const char *text);
/* The first of @prefixes (ended by NULL) that the text begins with, or NULL. */
const char *maqet_text_prefix(const char *text, const char *const *prefixes);
/* Whether it is one of @words (ended by NULL). */
bool maqet_text_is_one_of(const char *text, const char *const *words);

/* The candidate that @word is probably a misspelling of, or NULL. */
const char *maqet_text_closest(const char *word, const struct maqet_strings *candidates);

/* The beginning of a foreign text for a message, as one line without control characters.
 * The caller frees. */
char *maqet_text_readable(const char *text);

/* The text (taken), or if it is longer its first @limit bytes and " [...]". */
char *maqet_text_limit(char *text, size_t limit);

/* A pointer to the end of a program's output, for a message: MAQET_LAST_LINES lines and
 * MAQET_LAST_BYTES bytes at most. *more (may be NULL): there is text before it. */
enum { MAQET_LAST_LINES = 10, MAQET_LAST_BYTES = 2048 };
const char *maqet_text_last_lines(const char *text, size_t length, bool *more);

/* How many bytes of another program's message fit into ours: a precision for "%.*s". */
int maqet_text_fitting(const char *text);

/* FNV-1a, 64 bits. */
uint64_t maqet_text_hash(const char *text);

/* Doubles every comma, for QEMU's option syntax. The caller frees. */
char *maqet_text_double_commas(const char *text);

/* "20.0GB", in powers of 1024, for people. The caller frees. */
char *maqet_text_bytes(uint64_t bytes);

/* "2026-11-28 04:12" in local time, of s since 1970. The caller frees. */
char *maqet_text_date(int64_t seconds);

/* "20G" if no rounding is needed, otherwise plain bytes. The caller frees. */
char *maqet_text_size(uint64_t bytes);

#endif
