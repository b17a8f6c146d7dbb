/* SPDX-License-Identifier: MIT */
/*
 * pending.h - changes of a machine's definition that take effect when it is started again.
 */
#ifndef MAQET_MACHINE_PENDING_H
#define MAQET_MACHINE_PENDING_H

#include "core/base/context.h"

/* Adds the keys (core/machine/listing.h) whose stored values differ from those that a
 * machine was started with, which runs and has that run folder. None if one of the two
 * definitions cannot be read. */
void maqet_pending_read(const struct maqet_context *context, const char *name,
                        const char *run_folder, struct maqet_strings *keys);

#endif
