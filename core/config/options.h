/* SPDX-License-Identifier: MIT */
/*
 * options.h - option tables (struct maqet_option of maqet-plugin.h): which keys a mapping
 * may have, and which values.
 */
#ifndef MAQET_CONFIG_OPTIONS_H
#define MAQET_CONFIG_OPTIONS_H

#include "core/config/parse.h"
#include "core/config/tree.h"

/* A row of the core's own tables: {MAQET_OPTION("vga", STRING, "...")}. */
#define MAQET_OPTION(key, kind, text)                                                    \
    .name = (key), .type = MAQET_OPTION_##kind, .help = (text)

/* Checks every key and value of a mapping, and adds all mistakes (maqet_error_add), against the tables (ended by NULL; the first row
 * of a name counts). @owner is for messages: "drive 'hdd'", or NULL. Makes values of PATH
 * and SECRET options absolute, in the tree. A null counts as absent. Keys in @others (may be NULL)
 * are known, but not checked here. */
int maqet_options_check(json_object *mapping, const struct maqet_option *const *tables,
                        const struct maqet_strings *others, const char *owner,
                        struct maqet_error **err);

/* The row of an option, or NULL; "map.option" is one inside a MAP, "list.0" an item of a
 * LIST, whose row is that of the list, and "list.0.option" one inside such a mapping. */
const struct maqet_option *maqet_options_find(const struct maqet_option *table,
                                              const char *name);

/* The row of a key, which has no dots, or NULL. */
const struct maqet_option *maqet_options_row(const struct maqet_option *table,
                                             const char *key);

/* A row for each item of a LIST: of the items' type, with the list's name. */
struct maqet_option maqet_option_item(const struct maqet_option *list);

#endif
