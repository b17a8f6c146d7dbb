/* SPDX-License-Identifier: MIT */
/*
 * history_keys.h - snapshots that get other ids, as those of a drive do whose snapshots are
 * converted: their history, and the sets that they belong to, stay theirs.
 */
#ifndef MAQET_SNAPSHOT_HISTORY_KEYS_H
#define MAQET_SNAPSHOT_HISTORY_KEYS_H

#include "core/base/context.h"
#include "core/base/field.h"

/* The keys (maqet_history_key) of a snapshot. */
struct maqet_history_keys {
    char *before;
    char *after;
};

extern const struct maqet_fields maqet_history_keys_fields;

/* Replaces keys in the stored history of a machine, in which @mark, which is larger than that of
 * any earlier change, is noted: so a change that is repeated is done once. Names that a drive's
 * snapshots had besides those in the image are dropped. */
int maqet_history_change_keys(const struct maqet_context *context, const char *vm,
                              const char *drive, const struct maqet_history_keys *keys,
                              size_t count, int64_t mark, struct maqet_error **err);

#endif
