/* SPDX-License-Identifier: MIT */
#include "core/base/unstyled.h"

enum { ESCAPE = 0x1b, BELL = 0x07, BACKSPACE = 0x08 };

/* The length of the character in UTF-8 that this byte begins. */
static size_t
length_of(unsigned char first)
{
    return first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

static void
flush(struct maqet_unstyled *unstyled, struct maqet_text *text)
{
    maqet_text_append_bytes(text, unstyled->character, unstyled->length);
    unstyled->length = 0;
}

/* Only whole characters are passed on, so that pieces do not split them. */
static void
add_text(struct maqet_unstyled *unstyled, char byte, struct maqet_text *text)
{
    bool continues = ((unsigned char)byte & 0xc0) == 0x80;

    if (!continues || unstyled->length == 0)
        flush(unstyled, text);
    unstyled->character[unstyled->length++] = byte;
    if (unstyled->length >= length_of((unsigned char)unstyled->character[0]))
        flush(unstyled, text);
}

static void
add_plain(struct maqet_unstyled *unstyled, char byte, struct maqet_text *text)
{
    if (byte == ESCAPE) {
        unstyled->state = UNSTYLED_ESCAPE;
    } else if (byte == '\r') {
        unstyled->returned = true;
    } else if (byte == '\n') {
        unstyled->returned = unstyled->begun = false;
        add_text(unstyled, byte, text);
    } else if (byte != '\0' && byte != BELL && byte != BACKSPACE) {
        /* A line that is written over, as programs show progress, becomes a line of its
         * own. */
        if (unstyled->returned && unstyled->begun)
            add_text(unstyled, '\n', text);
        unstyled->returned = false;
        unstyled->begun = true;
        add_text(unstyled, byte, text);
    }
}

/* After an escape: "[" begins a control sequence, and "]", "P", "X", "^" and "_" a string;
 * others have intermediate bytes and a last one. */
static void
add_escape(struct maqet_unstyled *unstyled, char byte)
{
    if (byte == '[')
        unstyled->state = UNSTYLED_CONTROL;
    else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
        unstyled->state = UNSTYLED_STRING;
    else if (byte != ESCAPE && (byte < 0x20 || byte > 0x2f))
        unstyled->state = UNSTYLED_TEXT;
}

void
maqet_unstyled_add(struct maqet_unstyled *unstyled, const char *bytes, size_t length,
                   struct maqet_text *text)
{
    for (size_t i = 0; i < length; i++) {
        char byte = bytes[i];

        /* Nothing hides what comes in later lines. */
        if (unstyled->state != UNSTYLED_TEXT && (byte == '\n' || byte == '\r'))
            unstyled->state = UNSTYLED_TEXT;
        switch (unstyled->state) {
        case UNSTYLED_TEXT:
            add_plain(unstyled, byte, text);
            break;
        case UNSTYLED_ESCAPE:
            add_escape(unstyled, byte);
            break;
        case UNSTYLED_CONTROL:
            if (byte == ESCAPE)
                unstyled->state = UNSTYLED_ESCAPE;
            else if (byte >= 0x40 && byte <= 0x7e)
                unstyled->state = UNSTYLED_TEXT;
            break;
        case UNSTYLED_STRING:
            if (byte == BELL)
                unstyled->state = UNSTYLED_TEXT;
            else if (byte == ESCAPE)
                unstyled->state = UNSTYLED_ESCAPE; /* the "\" that follows ends it */
            break;
        }
    }
}

void
maqet_unstyled_end(struct maqet_unstyled *unstyled, struct maqet_text *text)
{
    flush(unstyled, text);
}
