/* SPDX-License-Identifier: MIT */
/*
 * slots.h - the recorded slots of a machine's drives (core/storage/slots.h), in
 * slots.json in its folder, which each start writes. Without it, the drives are in the
 * order of the list.
 */
#ifndef MAQET_MACHINE_SLOTS_H
#define MAQET_MACHINE_SLOTS_H

#include "core/base/context.h"
#include "core/config/tree.h"
#include "core/qemu/plugged.h"
#include "core/storage/slots.h"

/* Reads the records of a machine: none if there is no file. A damaged or unreadable one
 * is an error. */
int maqet_slots_load(const struct maqet_context *context, const char *name,
                     struct maqet_slots *slots, struct maqet_error **err);

/* Replaces the records of a machine, whose lock the caller holds, if they have changed.
 */
int maqet_slots_save(const struct maqet_context *context, const char *name,
                     const struct maqet_slots *slots, struct maqet_error **err);

/* Updates the records of a machine that runs, after devices were attached or detached:
 * where they all are. @args: what was attached. @timeout: ms for each answer of QEMU. */
int maqet_slots_observe(struct maqet_qmp *qmp, int64_t timeout,
                        const struct maqet_plugged *plugged,
                        const struct maqet_args *args, const char *machine_type,
                        struct maqet_slots *slots, struct maqet_error **err);

#endif
