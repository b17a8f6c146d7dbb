/* SPDX-License-Identifier: MIT */
/*
 * checks.h - the checks of the kit: one row for each, below its function.
 */
#ifndef MAQET_CONFORMANCE_CHECKS_H
#define MAQET_CONFORMANCE_CHECKS_H

#include "core/conformance/bench.h"

struct check {
    const char *name;
    unsigned kinds;   /* of plugins that it is for */
    unsigned needs;   /* if the plugin or the host lacks one of these, it is skipped */
    unsigned seconds; /* its time limit */
    /* Returns 0, or -1 with an error that says what the plugin did wrong and what to do.
     * Calls bench_skip() if there is nothing to check. */
    int (*run)(struct bench *bench, struct maqet_error **err);
    const char *text; /* what a plugin must do to pass: a sentence without full stop */
};

/* The checks of each file, in the order in which they run. A name of NULL ends a
 * table. */
extern const struct check checks_of_file[], checks_of_options[], checks_of_calls[],
    checks_of_hostile_values[], checks_of_create[], checks_of_tools[], checks_of_life[],
    checks_of_images[], checks_of_named_files[], checks_of_qemu[], checks_of_nodes[],
    checks_of_roles[], checks_of_snapshots[], checks_of_overlays[], checks_of_data[],
    checks_of_traces[], checks_of_memory[], checks_of_secrets[];

/* The @index-th of all checks. NULL after the last one. */
const struct check *check_at(unsigned index);

#endif
