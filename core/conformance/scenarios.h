/* SPDX-License-Identifier: MIT */
/*
 * scenarios.h - calls of single callbacks as the core makes them, successful ones and
 * ones that must fail, for checks that concern every callback.
 */
#ifndef MAQET_CONFORMANCE_SCENARIOS_H
#define MAQET_CONFORMANCE_SCENARIOS_H

#include "core/conformance/bench.h"

/* A scenario returns this if the plugin has no such callback. No plugin returns it. */
enum { SCENARIO_NONE = -4711 };

struct scenario {
    const char *name; /* "create in a folder that isn't there"; NULL ends the table */
    unsigned kinds, needs;
    /* Returns what the callback returned. @err may be NULL. */
    int (*call)(struct bench *bench, struct maqet_error **err);
};

extern const struct scenario scenarios[];

/* Makes the call for bench->drive, if the plugin has what it needs. */
int scenario_call(const struct scenario *scenario, struct bench *bench,
                  struct maqet_error **err);

/* The whole life of a drive: it is created, inspected, emitted, gets a snapshot, is
 * resized, and all scenarios are called. Ignores their results. -1: there is no drive. */
int scenarios_live(struct bench *bench, const char *name, struct maqet_error **err);

#endif
