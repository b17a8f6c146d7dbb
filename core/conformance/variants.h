/* SPDX-License-Identifier: MIT */
/*
 * variants.h - entries of drives that differ in one option each, with values that the
 * plugin's table allows; and values that belong in no option.
 */
#ifndef MAQET_CONFORMANCE_VARIANTS_H
#define MAQET_CONFORMANCE_VARIANTS_H

#include "core/conformance/bench.h"

/* Adds the names of the options of a table, those in mappings as "map.option". */
void variants_options(const struct maqet_option *table, struct maqet_strings *names);

/* Called with a variant of an entry; @what says which one, such as "media: cdrom". */
typedef int variant_call(struct bench *bench, json_object *entry, const char *what,
                         struct maqet_error **err);

/* Calls a function with each variant until a call fails: a plain entry, a CD-ROM, and one
 * for each value to try of each option. */
int variants_try(struct bench *bench, variant_call *call, struct maqet_error **err);

/* The @index-th value that belongs in no option. *what describes it. NULL after the last
 * one; the caller frees. */
char *variant_hostile(unsigned index, const char **what);

#endif
