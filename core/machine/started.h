/* SPDX-License-Identifier: MIT */
/*
 * started.h - whether a machine was ever started: a file in its folder.
 */
#ifndef MAQET_MACHINE_STARTED_H
#define MAQET_MACHINE_STARTED_H

#include <stdbool.h>

#include "core/base/context.h"
#include "core/base/error.h"

int maqet_store_started_set(const struct maqet_context *context, const char *name,
                            struct maqet_error **err);
void maqet_store_started_clear(const struct maqet_context *context, const char *name);
bool maqet_store_started(const struct maqet_context *context, const char *name);

/* The same, with the folder of all machines' folders open. */
bool maqet_store_started_at(int vms_fd, const char *name);

#endif
