/* SPDX-License-Identifier: MIT */
/*
 * table.h - rows of a result as text: an aligned table, a list of one row's fields, or
 * tab-separated values.
 */
#ifndef MAQET_CLI_TABLE_H
#define MAQET_CLI_TABLE_H

#include "cli/view.h"

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
