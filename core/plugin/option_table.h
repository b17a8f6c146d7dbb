/* SPDX-License-Identifier: MIT */
/*
 * option_table.h - a plugin's table of options, checked and copied into rows of our own,
 * which may be longer or shorter than the plugin's.
 */
#ifndef MAQET_PLUGIN_OPTION_TABLE_H
#define MAQET_PLUGIN_OPTION_TABLE_H

#include <json-c/json.h>

#include "core/base/error.h"

/* Copies a table whose rows are @stride bytes apart; NULL is an empty one. NULL on error:
 * a name, a type, or a table that can't be. What the rows point to stays the plugin's. */
struct maqet_option *maqet_option_table_copy(const struct maqet_option *table,
                                             size_t stride, struct maqet_error **err);
void maqet_option_table_free(struct maqet_option *options);

/* The table as JSON, a list of objects: name, type ("size"), required, fallback and help
 * (null where there is none), choices, minimum, maximum and options (where there are
 * any). The caller puts it. */
json_object *maqet_option_table_describe(const struct maqet_option *options);

#endif
