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

struct maqet_conformance {
    const char *file; /* the plugin */
    const char *qemu; /* QEMU's program; NULL: that of this host's architecture */
    const struct maqet_strings *settings; /* options of every drive: "KEY=VALUE" */
    const struct maqet_strings *only;     /* names of checks; none: all */
};

/* The result of a check. */
struct maqet_conformance_row {
    const char *check;
    const char *result; /* "ok", "FAILED" or "skipped" */
    char *why;          /* NULL if "ok" */
    char *hint;         /* NULL: none */
};

struct maqet_conformance_rows {
    struct maqet_conformance_row *items;
    size_t count;
    unsigned failed; /* how many rows are "FAILED" */
};

void maqet_conformance_rows_clear(struct maqet_conformance_rows *rows);

#define _cleanup_conformance_rows_ _cleanup_(maqet_conformance_rows_clear)

/* Runs the checks, and adds a row for each. -1: none could be run. */
int maqet_conformance_run(const struct maqet_context *context,
                          const struct maqet_conformance *request,
                          struct maqet_conformance_rows *rows, struct maqet_error **err);

/* The name of the @index-th check, and what a plugin must do to pass: a sentence without
 * a full stop. NULL after the last one. */
const char *maqet_conformance_name(unsigned index);
const char *maqet_conformance_text(unsigned index);

#endif
