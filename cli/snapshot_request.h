/* SPDX-License-Identifier: MIT */
/*
 * snapshot_request.h - what a call of `maqet snapshot` asks for.
 */
#ifndef MAQET_CLI_SNAPSHOT_REQUEST_H
#define MAQET_CLI_SNAPSHOT_REQUEST_H

#include "cli/invocation.h"
#include "core/snapshot/snapshot.h"

/* Its texts are those of the command line. */
struct asked {
    struct maqet_snapshot_request request;
    struct maqet_strings exclude;
    const char *file;   /* of an export; NULL: it is none */
    const char *format; /* of an exported image; NULL: not given */
};

/* Reads the operands and options of any of its actions. Returns 0, or -1 with an error where
 * they exclude each other. */
int asked_read(const struct invocation *invocation, struct asked *asked,
               struct maqet_error **err);

void asked_clear(struct asked *asked);

#define _cleanup_asked_ _cleanup_(asked_clear)

/* The formats that an exported image may have; NULL after the last one. */
const char *export_format_name(unsigned index);

/* The choices of an export's --format: the formats of results and those of images. */
const char *any_format_name(unsigned index);

#endif
