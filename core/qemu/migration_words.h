/* SPDX-License-Identifier: MIT */
/*
 * migration_words.h - what is said to QEMU of a migration, for those who begin one
 * (migration_save.c) and those who end or load one (migration.c).
 */
#ifndef MAQET_QEMU_MIGRATION_WORDS_H
#define MAQET_QEMU_MIGRATION_WORDS_H

#include "core/base/json.h"
#include "core/qemu/migration.h"

/* ms for a question. */
static const int64_t MAQET_MIGRATION_ASK_TIMEOUT = MAQET_QMP_ANSWER_TIMEOUT;

/* Runs a command whose answer says nothing. Takes the arguments. */
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

/* Takes back what was given: what QEMU has not used would stay open. */
void maqet_migration_take_back(struct maqet_qmp *qmp);

/* All that QEMU says of the migration. NULL on error. */
json_object *maqet_migration_query(struct maqet_qmp *qmp, struct maqet_error **err);

/* Its state alone, "active"; "none" before the first one. NULL on error; the caller
 * frees. */
char *maqet_migration_status(struct maqet_qmp *qmp, struct maqet_error **err);

/* Asks for the next state of a migration that waits for that, in the state that is told;
 * in another one that is an error. */
int maqet_migration_go_on_from(struct maqet_qmp *qmp, const char *state,
                               struct maqet_error **err);

/* The capability that a method needs; NULL: none. */
const char *maqet_migration_capability_of(enum maqet_migration_method method);

/* Makes QEMU ready for the wanted method, or for the first one that works, and notes
 * which one that is, and why none before it. */
int maqet_migration_choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
                           struct maqet_migration_result *result,
                           struct maqet_error **err);

/* Lets a guest that stands still go on. */
int maqet_migration_resume(struct maqet_qmp *qmp, struct maqet_error **err);

/* Lets it go on as soon as its devices are saved in the background, and not earlier. */
int maqet_migration_resume_early(struct maqet_qmp *qmp, struct maqet_error **err);

#endif
