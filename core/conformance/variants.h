/* SPDX-License-Identifier: MIT */
/*
 * variants.h - drives that differ in one option each, as the plugin's table allows it;
 * and what stands in an option when somebody means no good.
 */
#ifndef MAQET_CONFORMANCE_VARIANTS_H
#define MAQET_CONFORMANCE_VARIANTS_H

#include "core/conformance/bench.h"

/* One option of the plugin, with those inside mappings; the name is "map.option". */
struct variant_option {
    char *name;
    const struct maqet_option *row;
};

struct variant_options {
    struct variant_option *items;
    size_t count;
};

void variant_options_list(const struct bench *bench, struct variant_options *options);
void variant_options_clear(struct variant_options *options);

#define _cleanup_variant_options_ _cleanup_(variant_options_clear)

/* The @index-th variant of a drive's entry: first the plain one, a CD-ROM and a read-only
 * one, then one for each value that an option may well have. *what says which it is; the
 * caller frees. NULL after the last one. */
json_object *variant_entry(const struct bench *bench, unsigned index, const char *name,
                           char **what);

/* A value that has no business in any option. *what says which it is. NULL after the last
 * one; the caller frees. */
char *variant_hostile(unsigned index, const char **what);

#endif
