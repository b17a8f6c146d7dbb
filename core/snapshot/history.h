/* SPDX-License-Identifier: MIT */
/*
 * history.h - the parent of each snapshot, the parent of each drive's present state, and
 * the snapshots that were created together as a set. No image format stores that, so it is
 * in snapshots.json beside the machine's definition. It does not know what other programs
 * have done to an image. If it is lost, so are the lines of the tree and a few names, and a
 * set looks like snapshots that merely have the same name.
 */
#ifndef MAQET_SNAPSHOT_HISTORY_H
#define MAQET_SNAPSHOT_HISTORY_H

#include "core/base/context.h"
#include "core/storage/snapshots.h"

struct maqet_history;

/* Never NULL: a missing one is empty, and so is one that is damaged (which is a warning) or
 * cannot be read. */
struct maqet_history *maqet_history_load(const struct maqet_context *context,
                                         const char *vm);
void maqet_history_cleanup(struct maqet_history **history);

#define _cleanup_history_ _cleanup_(maqet_history_cleanup)

/* How it recognises a snapshot: by its id and date. The caller frees. */
char *maqet_history_key(const struct maqet_snapshot *snapshot);

/* Whether the file could be read, if it exists: asked before anything is changed. Saving
 * fails otherwise, so that a good file is never overwritten; a damaged one is kept beside
 * the new one. */
int maqet_history_check(const struct maqet_history *history, struct maqet_error **err);
int maqet_history_save(struct maqet_history *history, struct maqet_error **err);

/* ---- parents ---- */

/* Note that a snapshot was created, loaded, or deleted. */
void maqet_history_created(struct maqet_history *history, const char *drive,
                           const struct maqet_snapshot *snapshot);
void maqet_history_loaded(struct maqet_history *history, const char *drive,
                          const struct maqet_snapshot *snapshot);
void maqet_history_removed(struct maqet_history *history, const char *drive,
                           const struct maqet_snapshot *snapshot);

/* For each snapshot that exists, the index of its nearest ancestor that exists; -1: there
 * is none, or it is not known. There are no loops. *now is that of the drive's present
 * state. */
void maqet_history_parents(const struct maqet_history *history, const char *drive,
                           const struct maqet_snapshots *snapshots, ssize_t *parents,
                           ssize_t *now);

/* ---- sets ---- */

/* Notes what a set will not contain, by the excluded names, before the set is created, so
 * that it is known even if the creation is interrupted. The snapshots of that name that are
 * noted next are a set, even if it has only one drive. NULL: they are not. */
void maqet_history_set_begin(struct maqet_history *history, const char *name,
                             const struct maqet_strings *excluded);
bool maqet_history_set_begun(const struct maqet_history *history, const char *name);

/* Adds a snapshot to the set of that name. @first: it begins a new set, which replaces an
 * older one that it does not belong to. */
void maqet_history_set_add(struct maqet_history *history, const char *name, bool first,
                           const char *drive, const struct maqet_snapshot *snapshot);

/* The set is complete: the excluded names belong to it from now on. */
void maqet_history_set_end(struct maqet_history *history, const char *name);

/* Removes a set, whose snapshots are gone. */
void maqet_history_set_forget(struct maqet_history *history, const char *name);

/* Adds the drives of a set, and the excluded names. The set need not exist. */
void maqet_history_set_drives(const struct maqet_history *history, const char *name,
                              struct maqet_strings *drives);
void maqet_history_set_excluded(const struct maqet_history *history, const char *name,
                                struct maqet_strings *excluded);

/* Whether a snapshot belongs to the set of that name. */
bool maqet_history_in_set(const struct maqet_history *history, const char *name,
                          const char *drive, const struct maqet_snapshot *snapshot);

/* Sets the date of @then to that of the snapshot that the drive has, or had, in a set. It
 * stays recorded until all snapshots of the set are deleted. False: there is none. */
bool maqet_history_set_date(const struct maqet_history *history, const char *name,
                            const char *drive, struct maqet_snapshot *then);

/* ---- deferred work ---- */

/*
 * Another name for a snapshot, the only one that users see: it was created under a
 * temporary name to replace a snapshot, and cannot be renamed while the machine runs. NULL
 * as the name removes it; NULL is returned if there is none.
 */
void maqet_history_alias_set(struct maqet_history *history, const char *drive,
                             const struct maqet_snapshot *snapshot, const char *name);
const char *maqet_history_alias(const struct maqet_history *history, const char *drive,
                                const struct maqet_snapshot *snapshot);

/* Whether any snapshot of the drive has one. */
bool maqet_history_has_alias(const struct maqet_history *history, const char *drive);

/* Whether the image may have leaked clusters: something failed while the machine was
 * running, and they can only be found when it is stopped. */
void maqet_history_untidy_set(struct maqet_history *history, const char *drive,
                              bool untidy);
bool maqet_history_untidy(const struct maqet_history *history, const char *drive);

#endif
