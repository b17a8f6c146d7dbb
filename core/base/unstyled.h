/* SPDX-License-Identifier: MIT */
/*
 * unstyled.h - what a program has written to a terminal, as plain lines: without colours,
 * movements of the cursor and other control sequences (ECMA-48). It may arrive in pieces.
 */
#ifndef MAQET_BASE_UNSTYLED_H
#define MAQET_BASE_UNSTYLED_H

#include "core/base/text.h"

struct maqet_unstyled {
    enum { UNSTYLED_TEXT, UNSTYLED_ESCAPE, UNSTYLED_CONTROL, UNSTYLED_STRING } state;
    bool begun;        /* the line has text */
    bool returned;     /* after a carriage return, which may be part of a line's end */
    char character[4]; /* the beginning of one in UTF-8 */
    size_t length;
};

#define MAQET_UNSTYLED_INIT ((struct maqet_unstyled){0})

/* Appends what is left of a piece. Characters that may not be printed remain, except NUL:
 * who shows the text escapes them. */
void maqet_unstyled_add(struct maqet_unstyled *unstyled, const char *bytes, size_t length,
                        struct maqet_text *text);

/* Appends what the last piece has left incomplete. */
void maqet_unstyled_end(struct maqet_unstyled *unstyled, struct maqet_text *text);

#endif
