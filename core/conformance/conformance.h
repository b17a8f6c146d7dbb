/* SPDX-License-Identifier: MIT */
/*
 * conformance.h - the conformance kit: what an author runs on a plugin, to know whether
 * it keeps what maqet-plugin.h promises. It knows no format and no bus: it works from
 * what the plugin declares, makes real drives as a machine would, and runs a real QEMU.
 *
 * Each check runs in a child of its own, so that a plugin that crashes, hangs or leaves
 * something behind fails that check only; and in a folder of its own.
 */
#ifndef MAQET_CONFORMANCE_CONFORMANCE_H
#define MAQET_CONFORMANCE_CONFORMANCE_H

#include "core/base/context.h"
#include "core/base/error.h"

struct maqet_conformance {
    const char *file; /* the plugin */
    const char *qemu; /* QEMU's program; NULL: that of this host's architecture */
    /* "KEY=VALUE": options that a drive of the plugin has in every check. */
    const struct maqet_strings *settings;
    const struct maqet_strings *only; /* the names of checks; none: all of them */
};

/* How a check has ended. */
struct maqet_conformance_row {
    const char *check;
    const char *result; /* "ok", "FAILED" or "skipped" */
    char *why;          /* NULL: there is nothing to say */
    char *hint;         /* NULL: none */
};

struct maqet_conformance_rows {
    struct maqet_conformance_row *items;
    size_t count;
    unsigned failed; /* how many of them */
};

void maqet_conformance_rows_clear(struct maqet_conformance_rows *rows);

#define _cleanup_conformance_rows_ _cleanup_(maqet_conformance_rows_clear)

/* Runs the checks, and adds a row for each. -1: nothing could be checked. */
int maqet_conformance_run(const struct maqet_context *context,
                          const struct maqet_conformance *request,
                          struct maqet_conformance_rows *rows, struct maqet_error **err);

/* The checks in their order: a name, and what a plugin must do to pass, a sentence
 * without a full stop. NULL after the last one. */
const char *maqet_conformance_name(unsigned index);
const char *maqet_conformance_text(unsigned index);

#endif
