/* SPDX-License-Identifier: MIT */
/*
 * unlike.h - what two machines must not have in common besides their drives: ports of the host,
 * MAC addresses, UUIDs.
 */
#ifndef MAQET_MACHINE_UNLIKE_H
#define MAQET_MACHINE_UNLIKE_H

#include "core/machine/definition.h"
#include "core/machine/network.h"

/* Changes them in the tree of a clone's definition. @taken: ports of definitions that are not
 * stored yet, or none; it gets those of this one. @ports gets "tcp 127.0.0.1:2222 -> 2223" for
 * each port that is another one. */
int maqet_unlike_change(const struct maqet_context *context,
                        struct maqet_definition *definition, struct maqet_forwards *taken,
                        struct maqet_strings *ports, struct maqet_error **err);

/* Warns of what stays the same, because of which the clone and its source @name cannot run at the
 * same time. MAQET_ERROR_UNSUPPORTED: the `arguments` let the guests write to the same file. */
int maqet_unlike_check(const struct maqet_context *context,
                       const struct maqet_definition *definition, const char *name,
                       struct maqet_error **err);

/* Whether machines that were made of one, from the same checkpoint, can run at the same time as it.
 * MAQET_ERROR_UNSUPPORTED: what only one can have, and which key gives each its own. */
int maqet_unlike_check_together(const struct maqet_definition *definition,
                                struct maqet_error **err);

#endif
