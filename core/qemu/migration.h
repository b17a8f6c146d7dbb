/* SPDX-License-Identifier: MIT */
/*
 * migration.h - the state of a guest (its memory, and that of its devices) by QEMU's
 * migration (QEMU: qapi/migration.json): loading it from a file, giving up what somebody
 * else has begun, and what is said to QEMU for that. For saving it see migration_save.h.
 */
#ifndef MAQET_QEMU_MIGRATION_H
#define MAQET_QEMU_MIGRATION_H

#include "core/qemu/qmp.h"

/* Why QEMU can't save its state now, in its own words, such as a shared folder that the
 * guest has mounted; NULL: it can, as far as it says. The caller frees. */
char *maqet_migration_blocked(struct maqet_qmp *qmp, struct maqet_error **err);

/* Gives up what somebody else has begun and could not end: the guest, which ran before,
 * runs on. Nothing to do is no error. */
int maqet_migration_abandon(struct maqet_qmp *qmp, struct maqet_error **err);

/* Lets a QEMU that was started with `-incoming defer` read a state from a file, and the
 * guest go on. @mapped is what saving it said. */
int maqet_migration_load(struct maqet_qmp *qmp, int fd, bool mapped,
                         struct maqet_error **err);

/* For a QEMU that somebody else has started to load a state, and did not live to see it:
 * waits until it is read and lets the guest go on. *@loads false: it was not told to. */
int maqet_migration_finish_load(struct maqet_qmp *qmp, bool *loads,
                                struct maqet_error **err);

/* ---- for those who save a state ---- */

/* Runs a command; takes the arguments. Returns the answer, or only whether there was one. */
json_object *maqet_migration_ask(struct maqet_qmp *qmp, const char *command,
                                 struct maqet_error **err);
int maqet_migration_tell(struct maqet_qmp *qmp, const char *command,
                         json_object *arguments, struct maqet_error **err);

int maqet_migration_set_capability(struct maqet_qmp *qmp, const char *name, bool on,
                                   struct maqet_error **err);

/* Gives QEMU a pipe, or with @mapped a file in which each page has a place of its own. */
int maqet_migration_give(struct maqet_qmp *qmp, int fd, bool mapped,
                         struct maqet_error **err);

/* Begins to save to what was given, or to load from it: "migrate", "migrate-incoming". */
int maqet_migration_begin(struct maqet_qmp *qmp, const char *command, bool mapped,
                          struct maqet_error **err);

/* Takes back a file that was given: what QEMU has not used would stay open. */
void maqet_migration_take_back(struct maqet_qmp *qmp);

/* The "status" of the migration, "active", by "query-migrate", or of the guest, by
 * "query-status"; "none" where there is none. NULL on error; the caller frees. */
char *maqet_migration_status(struct maqet_qmp *qmp, const char *query,
                             struct maqet_error **err);

/* Asks for the next state of a migration that waits for that, in the state that is told;
 * in another one that is an error. */
int maqet_migration_go_on_from(struct maqet_qmp *qmp, const char *state,
                               struct maqet_error **err);

/* Lets a guest that is paused go on; early: as soon as its devices are saved in the
 * background, and not before. */
int maqet_migration_resume(struct maqet_qmp *qmp, struct maqet_error **err);
int maqet_migration_resume_early(struct maqet_qmp *qmp, struct maqet_error **err);

#endif
