/* SPDX-License-Identifier: MIT */
/*
 * conformance.h - the conformance kit, with which an author checks whether a plugin does
 * what maqet-plugin.h requires. It knows no format and no bus: it creates drives from
 * what the plugin declares, and runs a real QEMU.
 *
 * Each check runs in a separate child and folder, so a plugin that crashes, hangs or
 * leaves something behind fails only that check.
 */
#ifndef MAQET_CONFORMANCE_CONFORMANCE_H
#define MAQET_CONFORMANCE_CONFORMANCE_H

#include "core/base/context.h"
#include "core/base/error.h"

/* A check, and its result. */
struct maqet_conformance_row {
    const char *check;
    const char *plugins; /* that it is for: "storage", "interface" or "all" */
    const char *text;    /* what a plugin must do to pass: a sentence without full stop */
    int64_t limit;       /* seconds that it may take */
    const char *result;  /* "ok", "FAILED", "skipped" or "not run"; NULL: not asked for */
    char *why;           /* NULL if "ok" */
    char *hint;          /* NULL: none */
    bool called;
    double wall; /* ms that it took, if it was called */
};

struct maqet_conformance {
    const char *file; /* the plugin */
    const char *qemu; /* QEMU's program; NULL: that of this host's architecture */
    const struct maqet_strings *settings; /* options of every drive: "KEY=VALUE" */
    const struct maqet_strings *only;     /* names of checks; none: all */
    int64_t timeout;                      /* ms for all checks together; 0: none */

    /* Called with each result when it is known. May be NULL. */
    void (*ended)(void *data, const struct maqet_conformance_row *row);
    void *data;
};

struct maqet_conformance_rows {
    struct maqet_conformance_row *items;
    size_t count;
    unsigned failed, not_run; /* how many of them are that */
    int signal;               /* that asked us to end; 0: none did */
};

void maqet_conformance_rows_clear(struct maqet_conformance_rows *rows);

#define _cleanup_conformance_rows_ _cleanup_(maqet_conformance_rows_clear)

/* Runs the checks, and adds a row for each. -1: none could be run. Once the time is over, or
 * a signal asks us to end, the other checks are "not run". */
int maqet_conformance_run(const struct maqet_context *context,
                          const struct maqet_conformance *request,
                          struct maqet_conformance_rows *rows, struct maqet_error **err);

/* The @index-th check, without a result; and its name. False, and NULL, after the last
 * one. */
bool maqet_conformance_describe(unsigned index, struct maqet_conformance_row *row);
const char *maqet_conformance_name(unsigned index);

#endif
