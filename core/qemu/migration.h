/* SPDX-License-Identifier: MIT */
/*
 * migration.h - loads the state of a guest (its memory and that of its devices) from a
 * file, by QEMU's migration (QEMU: qapi/migration.json), and ends a migration that another
 * process began. migration_save.h saves the state.
 */
#ifndef MAQET_QEMU_MIGRATION_H
#define MAQET_QEMU_MIGRATION_H

#include "core/qemu/qmp.h"

/* Why QEMU cannot save its state now, in its own words, such as a shared folder that the
 * guest has mounted; NULL: nothing known prevents it. The caller frees. */
char *maqet_migration_blocked(struct maqet_qmp *qmp, struct maqet_error **err);

/* Abandons a migration that another process began and could not finish, if there is one:
 * a guest that ran before runs again. */
int maqet_migration_abandon(struct maqet_qmp *qmp, struct maqet_error **err);

/* Makes a QEMU that was started with `-incoming defer` read a state from a file. It
 * leaves the guest paused, unless it ran when it was saved: then QEMU may resume it itself.
 * @mapped: as reported when the state was saved. @splittable: it was saved with that option. */
int maqet_migration_load(struct maqet_qmp *qmp, int fd, bool mapped, bool splittable,
                         struct maqet_error **err);

/* Finishes a load that another process began: waits until the state is read, and resumes
 * the guest. *@loads false: QEMU was not told to load. */
int maqet_migration_finish_load(struct maqet_qmp *qmp, bool *loads,
                                struct maqet_error **err);

/* ---- for migration_save ---- */

/* Runs a command; takes the arguments. Returns the answer, or whether there was one. */
json_object *maqet_migration_ask(struct maqet_qmp *qmp, const char *command,
                                 struct maqet_error **err);
int maqet_migration_tell(struct maqet_qmp *qmp, const char *command,
                         json_object *arguments, struct maqet_error **err);

/* With it, QEMU refuses to load a state unless it was saved with it, too. */
#define MAQET_MIGRATION_SPLITTABLE "x-ignore-shared"

int maqet_migration_set_capability(struct maqet_qmp *qmp, const char *name, bool on,
                                   struct maqet_error **err);

/* Passes QEMU a pipe, or with @mapped a file in which each page has a fixed offset. */
int maqet_migration_give(struct maqet_qmp *qmp, int fd, bool mapped,
                         struct maqet_error **err);

/* Begins to save to it ("migrate"), or to load from it ("migrate-incoming"). */
int maqet_migration_begin(struct maqet_qmp *qmp, const char *command, bool mapped,
                          struct maqet_error **err);

/* Makes QEMU close what was passed, which would stay open if it was not used. */
void maqet_migration_take_back(struct maqet_qmp *qmp);

/* The "status" of the migration ("query-migrate") or of the guest ("query-status"); "none"
 * if there is none. NULL on error; the caller frees. */
char *maqet_migration_status(struct maqet_qmp *qmp, const char *query,
                             struct maqet_error **err);

/* Continues a migration that waits in that state; in any other state this is an error. */
int maqet_migration_continue(struct maqet_qmp *qmp, const char *state,
                             struct maqet_error **err);

/* Resumes a guest that is paused. Early: as soon as its devices are saved in the
 * background, but not before. */
int maqet_migration_resume(struct maqet_qmp *qmp, struct maqet_error **err);
int maqet_migration_resume_early(struct maqet_qmp *qmp, struct maqet_error **err);

/* Whether a guest that was loaded waits to be resumed. */
int maqet_migration_paused(struct maqet_qmp *qmp, bool *is_paused,
                           struct maqet_error **err);

/* Resumes such a guest, in two parts, so that several begin at the same time. */
int maqet_migration_begin_resume(struct maqet_qmp *qmp, struct maqet_error **err);
int maqet_migration_end_resume(struct maqet_qmp *qmp, struct maqet_error **err);

#endif
