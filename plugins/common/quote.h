/* SPDX-License-Identifier: MIT */
/*
 * quote.h - a file's name in a command line that people copy from a message.
 */
#ifndef QUOTE_H
#define QUOTE_H

#include <stdlib.h>
#include <string.h>

/* A word between single quotes, as a shell reads it; NULL where memory is short. The
 * caller frees. */
static inline char *
shell_quoted(const char *word)
{
    char *quoted = malloc(4 * strlen(word) + 3), *to = quoted;

    if (!quoted)
        return NULL;
    *to++ = '\'';
    for (; *word; word++) {
        *to++ = *word;
        if (*word == '\'') {
            memcpy(to, "\\''", 3);
            to += 3;
        }
    }
    memcpy(to, "'", 2);
    return quoted;
}

#endif
