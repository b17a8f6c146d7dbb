/* SPDX-License-Identifier: MIT */
/*
 * history.h - what came of what: for each drive of a machine which snapshot was taken on
 * top of which one, where the drive is now, and which snapshots were taken together. No
 * format keeps that, so it stands in snapshots.json beside the machine's definition. It
 * is a memory, not a promise: what another program did to an image is not in it. When it
 * is lost, the lines of the tree and a few names are, and sets are no longer told from
 * snapshots that merely have the same name.
 */
#ifndef MAQET_SNAPSHOT_HISTORY_H
#define MAQET_SNAPSHOT_HISTORY_H

#include "core/base/context.h"
#include "core/storage/snapshots.h"

struct maqet_history;

/* Never NULL: one that is not there is empty, and so is one that is damaged (a warning)
 * or could not be read. */
struct maqet_history *maqet_history_load(const struct maqet_context *context,
                                         const char *vm);
void maqet_history_cleanup(struct maqet_history **history);

#define _cleanup_history_ _cleanup_(maqet_history_cleanup)

/* Notes what happened; nothing is on the disk before it is saved. */
void maqet_history_created(struct maqet_history *history, const char *drive,
                           const struct maqet_snapshot *snapshot);
void maqet_history_loaded(struct maqet_history *history, const char *drive,
                          const struct maqet_snapshot *snapshot);
void maqet_history_removed(struct maqet_history *history, const char *drive,
                           const struct maqet_snapshot *snapshot);

/* Says that a snapshot belongs to the set of that name, which ends an older set so called
 * that it did not belong to. @first: it is the first one of a new set. */
void maqet_history_set_add(struct maqet_history *history, const char *name, bool first,
                           const char *drive, const struct maqet_snapshot *snapshot);

/*
 * What a set is made without, by the names that were excluded. It is told before the set
 * is made, and saved, so that it is known even when making it is interrupted; what is
 * noted as created next under that name is a set then, of one drive too. NULL: what is
 * made next is no set.
 */
void maqet_history_set_begin(struct maqet_history *history, const char *name,
                             const struct maqet_strings *excluded);

/* Whether that was said of the name. */
bool maqet_history_set_begun(const struct maqet_history *history, const char *name);

/* The set of that name is noted; what was said of it belongs to it from now on. */
void maqet_history_set_end(struct maqet_history *history, const char *name);

/* Forgets a set, whose snapshots are gone. */
void maqet_history_set_forget(struct maqet_history *history, const char *name);

/* Adds the drives of a set, and what it was made without. There may be none of the name.
 */
void maqet_history_set_drives(const struct maqet_history *history, const char *name,
                              struct maqet_strings *drives);
void maqet_history_set_excluded(const struct maqet_history *history, const char *name,
                                struct maqet_strings *excluded);

/* Whether it was read, as far as it is there: who would write it asks before he changes
 * anything. Saving fails otherwise, so that a good one is never overwritten; a damaged
 * one is kept beside it. */
int maqet_history_check(const struct maqet_history *history, struct maqet_error **err);
int maqet_history_save(struct maqet_history *history, struct maqet_error **err);

/* For each snapshot (of those that there are), the index of the one that it was taken on
 * top of; -1: not known, or the image as it was made. Following them always comes to an
 * end. *now is the one that the drive's present state came of; -1: not known. */
void maqet_history_parents(const struct maqet_history *history, const char *drive,
                           const struct maqet_snapshots *snapshots, ssize_t *parents,
                           ssize_t *now);

/* Whether the snapshot was taken as one of a set, together with those of other drives. */
bool maqet_history_in_set(const struct maqet_history *history, const char *name,
                          const char *drive, const struct maqet_snapshot *snapshot);

/* The date of the snapshot that the drive has, or had, in the set of that name; false:
 * none is recorded. One that was removed stays recorded until all of the set are. */
bool maqet_history_set_date(const struct maqet_history *history, const char *name,
                            const char *drive, int64_t *seconds, uint32_t *nanoseconds);

/*
 * Another name for a snapshot, by which alone users know it: overwriting was interrupted
 * while the machine ran, so the snapshot that stood in could not be renamed. NULL as the
 * name ends that; NULL as the answer: it has none.
 */
void maqet_history_alias_set(struct maqet_history *history, const char *drive,
                             const struct maqet_snapshot *snapshot, const char *name);
const char *maqet_history_alias(const struct maqet_history *history, const char *drive,
                                const struct maqet_snapshot *snapshot);

/* Whether any snapshot of the drive has one. */
bool maqet_history_has_alias(const struct maqet_history *history, const char *drive);

/* Something failed at the drive's image while the machine ran, so clusters may be lost in
 * it, which can be found only when it is stopped. */
void maqet_history_untidy_set(struct maqet_history *history, const char *drive,
                              bool untidy);
bool maqet_history_untidy(const struct maqet_history *history, const char *drive);

#endif
