/* SPDX-License-Identifier: MIT */
/*
 * scenarios.h - calls of single callbacks, those that succeed and those that can't, in
 * the way in which the core makes them. For checks that want each callback to be called.
 */
#ifndef MAQET_CONFORMANCE_SCENARIOS_H
#define MAQET_CONFORMANCE_SCENARIOS_H

#include "core/conformance/bench.h"

/* What a scenario returns where the plugin has no such callback; no plugin returns it. */
enum { SCENARIO_NONE = -4711 };

struct scenario {
    const char *name; /* "create in a folder that isn't there"; NULL ends the table */
    unsigned kinds, needs;
    /* Returns what the callback returned. @err may be NULL. */
    int (*call)(struct bench *bench, struct maqet_error **err);
};

extern const struct scenario scenarios[];

/* Makes the call for bench->drive, where the plugin has what it needs. */
int scenario_call(const struct scenario *scenario, struct bench *bench,
                  struct maqet_error **err);

/*
 * All that happens to a drive: it is made, looked at, emitted, gets a snapshot, is
 * resized, and everything that can fail fails. What comes of it is for other checks. -1:
 * there is no drive.
 */
int scenarios_live(struct bench *bench, const char *name, struct maqet_error **err);

#endif
