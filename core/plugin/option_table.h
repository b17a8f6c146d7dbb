/* SPDX-License-Identifier: MIT */
/*
 * option_table.h - the tables of plugins' options, checked, and copied into rows of our own
 * size.
 */
#ifndef MAQET_PLUGIN_OPTION_TABLE_H
#define MAQET_PLUGIN_OPTION_TABLE_H

#include "core/base/error.h"

/* Copies a table whose rows have @stride bytes, more or fewer than ours; NULL is an empty
 * table. The rows still point to the plugin's memory. *copy is to be freed, also after an
 * error: the table is invalid. */
int maqet_option_table_copy(const struct maqet_option *table, size_t stride,
                            struct maqet_option **copy, struct maqet_error **err);
void maqet_option_table_free(struct maqet_option *options);

/* MAQET_ERROR_UNSUPPORTED if a maqet must understand one of the flags, and this one does
 * not. @what, for the message, has them. */
int maqet_plugin_check_flags(uint32_t flags, const char *what, struct maqet_error **err);

#endif
