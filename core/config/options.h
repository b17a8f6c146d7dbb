/* SPDX-License-Identifier: MIT */
/*
 * options.h - option tables (struct maqet_option of maqet-plugin.h): which keys a mapping
 * may have, and what their texts mean.
 */
#ifndef MAQET_CONFIG_OPTIONS_H
#define MAQET_CONFIG_OPTIONS_H

#include "core/config/tree.h"

/* A row of the core's own tables: {MAQET_OPTION("vga", STRING, "...")}. */
#define MAQET_OPTION(key, kind, text)                                                    \
    .name = (key), .type = MAQET_OPTION_##kind, .help = (text)

/* Checks every key and value of a mapping against the tables (ended by NULL; the first row
 * of a name counts). @owner is for messages: "drive 'hdd'", or NULL. Makes values of PATH
 * options absolute, in the tree. A null counts as absent. Keys in @others (may be NULL)
 * are known, but not checked here. */
int maqet_options_check(json_object *mapping, const struct maqet_option *const *tables,
                        const struct maqet_strings *others, const char *owner,
                        struct maqet_error **err);

/* The row of an option, or NULL; "map.option" is one inside a MAP. */
const struct maqet_option *maqet_options_find(const struct maqet_option *table,
                                              const char *name);

/* Text to value; false if the text is not of that form, or the value is too large. A size
 * is in bytes, or has one of QEMU's suffixes (b, K, M, G, T, P, E in either case; fractions
 * are rounded down to whole bytes). A size or an int may be hexadecimal (0x...). A mode is
 * octal, up to 07777. */
bool maqet_parse_size(const char *text, uint64_t *bytes);
bool maqet_parse_int(const char *text, int64_t *value);
bool maqet_parse_bool(const char *text, bool *value);
bool maqet_parse_mode(const char *text, int64_t *mode);

/* Why the size of a disk, written as @text and read as @bytes, is probably not what was
 * meant: it has no unit, and is too small for a disk, or not a multiple of the sector
 * size. "is 20 bytes; did you mean 20G?"; the caller frees. NULL: it is plausible. */
char *maqet_size_doubt(const char *text, uint64_t bytes);

#endif
