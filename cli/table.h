/* SPDX-License-Identifier: MIT */
/*
 * table.h - rows of JSON as text: an aligned table, a list of one object's fields, or
 * tab-separated values.
 */
#ifndef MAQET_CLI_TABLE_H
#define MAQET_CLI_TABLE_H

#include "cli/view.h"

/* A header and a line for each row. The caller frees. */
char *table_text(const struct column *columns, json_object *rows, bool colour);

/* A line "title  value" for each column; fields that are null are left out. The caller
 * frees. */
char *table_fields(const struct column *columns, json_object *row, bool colour);

/* One row's values in full (bytes, seconds), separated by tabs; a null is empty. A tab, a
 * line feed and a backslash in a value are written \t, \n and \\. The caller frees. */
char *table_plain(const struct column *columns, json_object *row);

#endif
