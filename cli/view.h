/* SPDX-License-Identifier: MIT */
/*
 * view.h - how a command's result, which is JSON in itself, is shown to people and
 * scripts.
 */
#ifndef MAQET_CLI_VIEW_H
#define MAQET_CLI_VIEW_H

#include <json-c/json.h>
#include <stdbool.h>

enum column_type {
    COLUMN_TEXT,
    COLUMN_NUMBER,
    COLUMN_BYTES,
    COLUMN_DURATION, /* seconds */
    COLUMN_PERCENT,
    COLUMN_STATUS, /* a machine's status, coloured on a terminal */
    COLUMN_FIXED,  /* the key itself, in every row */
};

/* One column of a table; a key of NULL ends the list. */
struct column {
    const char *key;
    const char *title;
    enum column_type type;
};

struct view {
    /* The columns of --format plain, and of table where there is no text(). */
    const struct column *columns;

    /* What people read for one row, with its line feed; the caller frees. Each text in
     * the row is one line that can be shown, unless the view is verbatim. */
    char *(*text)(json_object *row, bool colour);

    /* The lines of --format plain, where columns don't do; the caller frees. It sees the
     * texts as they are (maqet_text_reversible()). */
    char *(*plain)(json_object *row);

    /* text() is given the texts as they are, for what is a document or has a syntax of
     * its own: it must write them so that nothing in them can be taken for its own
     * words. */
    bool verbatim;

    /* A list is given to text() and plain() as a whole, not row by row. */
    bool whole;

    /* The text only says that it was done, so --quiet leaves it out. */
    bool confirmation;

    /* What people read when the list is empty. */
    const char *empty;
};

#endif
