/* SPDX-License-Identifier: MIT */
/*
 * table.h - how a result is shown. A result is a struct, or an array of such structs, whose
 * members have rows (core/base/field.h). JSON, YAML and docs/json.md come from them, and so
 * does the text here: an aligned table, a list of one row's fields, or tab-separated values.
 */
#ifndef MAQET_CLI_TABLE_H
#define MAQET_CLI_TABLE_H

#include "cli/terminal.h"
#include "core/base/field.h"

/* How a value is shown in a table if not as it is. A key of NULL ends the list. */
struct cell {
    const char *key;
    char *(*text)(const void *row); /* the caller frees; NULL: as any other value */
    enum shade (*shade)(const void *row);
};

struct table {
    const struct maqet_fields *fields;
    /* The keys of the columns, separated by spaces; "=word" is a column with that word in
     * every row. */
    const char *columns;
    const struct cell *cells; /* may be NULL */
};

struct view {
    /* Without fields, the result is not a struct. */
    struct table table;

    /* What people read of a row: a sentence in which "{key}" stands for the field of that
     * key, as in a table; or a function's text for a row, or for all rows of a list (the
     * caller frees). None of them: the table. The rows are copies with nothing but what
     * the fields describe, in which each text is one printable line. */
    const char *sentence;
    char *(*text)(const void *row);
    char *(*list_text)(const void *rows, size_t count);

    /* The lines of --format plain, if not the table's columns; the caller frees. It escapes
     * texts itself (maqet_text_reversible()). */
    char *(*plain)(const void *row);

    /* The text only confirms what was done, so --quiet omits it. */
    bool confirmation;

    /* What people read if the list is empty. */
    const char *empty;

    /* For docs/json.md: what each object of a list is ("VM"); NULL: the result is one
     * object. And remarks, in sentences. */
    const char *each;
    const char *remark;
};

/* A header, and a line for each row. The caller frees. */
char *table_text(const struct table *table, const void *rows, size_t count);

/* A line "title  value" for each column; fields that are null are omitted. The caller
 * frees. */
char *table_fields(const struct table *table, const void *row);

/* A view's sentence, filled from a row. The caller frees. */
char *table_sentence(const struct table *table, const char *sentence, const void *row);

/* One row's values in full (bytes, seconds), escaped (maqet_text_reversible()) and separated
 * by tabs; a null is empty. The caller frees. */
char *table_plain(const struct table *table, const void *row);

#endif
