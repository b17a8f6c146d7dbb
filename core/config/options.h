/* SPDX-License-Identifier: MIT */
/*
 * options.h - option tables (struct maqet_option of maqet-plugin.h) against the tree:
 * which keys may stand in a mapping, and what their text means.
 */
#ifndef MAQET_CONFIG_OPTIONS_H
#define MAQET_CONFIG_OPTIONS_H

#include "core/config/tree.h"

/* What every row of the core's own tables says: {MAQET_OPTION("vga", STRING, "...")}. */
#define MAQET_OPTION(key, kind, text)                                                    \
    .name = (key), .type = MAQET_OPTION_##kind, .help = (text)

/* Checks every key and value of a mapping against the tables (an array that ends with
 * NULL; of two rows of one name the first counts). @owner is whose keys they are, for
 * messages: "drive 'hdd'", or NULL. Values of PATH options are made absolute, in the
 * tree. A null is as good as absent. Keys in @others (may be NULL) are known, and checked
 * by somebody else. */
int maqet_options_check(json_object *mapping, const struct maqet_option *const *tables,
                        const struct maqet_strings *others, const char *owner,
                        struct maqet_error **err);

/* The row of an option; "map.option" leads into a MAP. NULL: there is none. */
const struct maqet_option *maqet_options_find(const struct maqet_option *table,
                                              const char *name);

/* Text to value; false when the text is not of that form, or the value doesn't fit. A
 * size is bytes, or has one of QEMU's suffixes (b, K, M, G, T, P, E in either case;
 * fractions are rounded down to whole bytes). It and an int may be hexadecimal (0x...). A
 * mode is octal, up to 07777. */
bool maqet_parse_size(const char *text, uint64_t *bytes);
bool maqet_parse_int(const char *text, int64_t *value);
bool maqet_parse_bool(const char *text, bool *value);
bool maqet_parse_mode(const char *text, int64_t *mode);

/* Why the size of a disk, written as @text and read as @bytes, is most likely not what
 * was meant: it has no unit, and is less than any disk, or not whole sectors. "is 20
 * bytes; did you mean 20G?"; the caller frees. NULL: it is taken as it is. */
char *maqet_size_doubt(const char *text, uint64_t bytes);

#endif
