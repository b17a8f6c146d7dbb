/* SPDX-License-Identifier: MIT */
/*
 * table.h - how a result is shown. A result is a struct, or an array of such structs, whose
 * members have rows (core/base/field.h); JSON, YAML, tables and docs/json.md come from
 * them, and so does what a sentence is made of. Here rows become text: an aligned table, a
 * list of one row's fields, or tab-separated values.
 */
#ifndef MAQET_CLI_TABLE_H
#define MAQET_CLI_TABLE_H

#include "cli/terminal.h"
#include "core/base/field.h"

/* How people see a value in a table, where that is not the value itself. A key of NULL
 * ends the list. */
struct cell {
    const char *key;
    char *(*text)(const void *row); /* the caller frees; NULL: as any other */
    enum shade (*shade)(const void *row);
};

struct table {
    const struct maqet_fields *fields;
    /* The keys of the columns, with a space between two; "=word" is a column that has the
     * word in every row. */
    const char *columns;
    const struct cell *cells; /* may be NULL */
};

struct view {
    /* All formats but text; without fields, the result is no struct. */
    struct table table;

    /* What people read for one row, or for all of a list, with its line feed; the caller
     * frees. Neither: the table. The rows are copies which have nothing but what the
     * fields tell of, and in which each text is one line that can be shown. */
    char *(*text)(const void *row);
    char *(*list_text)(const void *rows, size_t count);

    /* The lines of --format plain, where the table's columns don't do; the caller frees.
     * The texts are as they are (maqet_text_reversible()). */
    char *(*plain)(const void *row);

    /* The text only says that it was done, so --quiet leaves it out. */
    bool confirmation;

    /* What people read when the list is empty. */
    const char *empty;

    /* For docs/json.md: what each object of a list stands for ("virtual machine"); NULL:
     * the result is one object. And what else there is to say of it, in sentences. */
    const char *each;
    const char *remark;
};

/* A header and a line for each row, in which each text is one line that can be shown. The
 * caller frees. */
char *table_text(const struct table *table, const void *rows, size_t count);

/* A line "title  value" for each column, in the same way; fields that are null are left
 * out. The caller frees. */
char *table_fields(const struct table *table, const void *row);

/* One row's values in full (bytes, seconds), separated by tabs, each of them one line
 * from which it can be had back (maqet_text_reversible()); a null is empty. The caller
 * frees. */
char *table_plain(const struct table *table, const void *row);

#endif
