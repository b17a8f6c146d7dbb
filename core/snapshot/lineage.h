/* SPDX-License-Identifier: MIT */
/*
 * lineage.h - which snapshot was taken on top of which, of those that are there: from a
 * table of parents in which there may be some that are gone, and in which a damaged file
 * may have loops. All of them at once, in time that grows with their number only.
 */
#ifndef MAQET_SNAPSHOT_LINEAGE_H
#define MAQET_SNAPSHOT_LINEAGE_H

#include <json-c/json.h>
#include <sys/types.h>

#include "core/base/text.h"

/*
 * @table: {KEY: KEY of its parent, or null}; NULL: nothing is known.
 * @keys: those of the snapshots that are there.
 * @now: the key that the present state came of; NULL: not known.
 * @parents: gets for each of @keys the index of the next one above it that is there; -1:
 *   there is none, or it is in a loop. Following them always comes to an end.
 * @at: gets the index of the one that is there at @now, or next above it; -1: none.
 */
void maqet_lineage_find(json_object *table, const struct maqet_strings *keys,
                        const char *now, ssize_t *parents, ssize_t *at);

#endif
