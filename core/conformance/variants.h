/* SPDX-License-Identifier: MIT */
/*
 * variants.h - drives that differ in one option each, as the plugin's table allows it;
 * and what stands in an option when somebody means no good.
 */
#ifndef MAQET_CONFORMANCE_VARIANTS_H
#define MAQET_CONFORMANCE_VARIANTS_H

#include "core/conformance/bench.h"

/* The name of the plugin's @index-th option, counting those inside mappings ("map.option")
 * and not the mappings; *row is what its table says. The caller frees; NULL after the last
 * one. */
char *variant_option(const struct bench *bench, unsigned index,
                     const struct maqet_option **row);

/* The @index-th variant of a drive's entry, with a name of its own: first the plain one and
 * a CD-ROM, then one for each value that an option may well have. *what says which it is;
 * the caller frees. NULL after the last one. */
json_object *variant_entry(const struct bench *bench, unsigned index, char **what);

/* Calls a function with each variant, until one call fails. */
typedef int variant_call(struct bench *bench, json_object *entry, const char *what,
                         struct maqet_error **err);
int variants_try(struct bench *bench, variant_call *call, struct maqet_error **err);

/* A value that has no business in any option. *what says which it is. NULL after the last
 * one; the caller frees. */
char *variant_hostile(unsigned index, const char **what);

#endif
