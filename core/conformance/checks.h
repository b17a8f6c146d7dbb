/* SPDX-License-Identifier: MIT */
/*
 * checks.h - the checks of the kit: a row for each, beside the function that does it.
 */
#ifndef MAQET_CONFORMANCE_CHECKS_H
#define MAQET_CONFORMANCE_CHECKS_H

#include "core/conformance/bench.h"

struct check {
    const char *name;
    unsigned kinds;   /* of plugins that it is for */
    unsigned needs;   /* where it lacks something of that, it is skipped */
    unsigned seconds; /* that it may take */
    /* Returns 0, or -1 with an error that tells the plugin's author what the plugin did
     * wrong, and what to do. What finds nothing to check ends with bench_skip(). */
    int (*run)(struct bench *bench, struct maqet_error **err);
    const char *text; /* what a plugin must do to pass: a sentence without full stop */
};

/* Those of each file, in the order in which they run; a name of NULL ends a table. */
extern const struct check checks_of_file[], checks_of_options[], checks_of_calls[],
    checks_of_hostile_values[], checks_of_create[], checks_of_tools[], checks_of_images[],
    checks_of_qemu[], checks_of_data[], checks_of_traces[];

/* The @index-th of all. NULL after the last one. */
const struct check *check_at(unsigned index);

#endif
