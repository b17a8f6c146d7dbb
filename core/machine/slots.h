/* SPDX-License-Identifier: MIT */
/*
 * slots.h - where a machine's drives sit (core/storage/slots.h), in its folder:
 * slots.json. A start writes it, so the record of a machine that runs is that of its
 * start. A machine that has none has its drives in the order of the list.
 */
#ifndef MAQET_MACHINE_SLOTS_H
#define MAQET_MACHINE_SLOTS_H

#include "core/base/context.h"
#include "core/config/tree.h"
#include "core/storage/slots.h"

/* Reads those of a machine; there is no record: none. What can't be read, or is damaged,
 * is an error. */
int maqet_slots_load(const struct maqet_context *context, const char *name,
                     struct maqet_slots *slots, struct maqet_error **err);

/* Replaces the record of a machine, whose lock the caller holds. What is on the disk
 * already is not written again. */
int maqet_slots_save(const struct maqet_context *context, const char *name,
                     const struct maqet_slots *slots, struct maqet_error **err);

#endif
