/* SPDX-License-Identifier: MIT */
/*
 * store.h - machines on the disk: each has a folder in DATA/vms/ with its definition,
 * vm.json, and the other files that are listed below. Nothing else holds state, so a
 * backup is `cp -a`.
 */
#ifndef MAQET_MACHINE_STORE_H
#define MAQET_MACHINE_STORE_H

#include "core/base/files.h"
#include "core/machine/definition.h"

/* Whether the data folder belongs to this user, or is missing. A definition can make QEMU
 * run commands and maqet delete files, so nobody uses another user's, least of all root.
 */
int maqet_store_check_owner(const struct maqet_context *context,
                            struct maqet_error **err);

/* The folder of all machines' folders. A descriptor, or -1 and errno. */
int maqet_store_open(const struct maqet_context *context);

/* The names of all machines, sorted. */
int maqet_store_list(const struct maqet_context *context, struct maqet_strings *names,
                     struct maqet_error **err);

/* Whether there is a machine of that name. */
bool maqet_store_has(const struct maqet_context *context, const char *name);

/* The name of the machine with this name or UUID. NULL: MAQET_ERROR_MISSING, with the
 * closest name. The caller frees. */
char *maqet_store_resolve(const struct maqet_context *context, const char *name_or_uuid,
                          struct maqet_error **err);

struct maqet_definition *maqet_store_load(const struct maqet_context *context,
                                          const char *name_or_uuid,
                                          struct maqet_error **err);

/* Stores a new machine. MAQET_ERROR_EXISTS: there is one of that name. */
int maqet_store_add(const struct maqet_context *context,
                    const struct maqet_definition *definition, struct maqet_error **err);

/* The same; @fill puts more files into the folder before anybody can see it. */
typedef int maqet_store_fill(void *data, const char *folder, struct maqet_error **err);
int maqet_store_add_filled(const struct maqet_context *context,
                           const struct maqet_definition *definition,
                           maqet_store_fill *fill, void *data, struct maqet_error **err);

/* Replaces the definition of a machine, whose lock the caller holds. */
int maqet_store_replace(const struct maqet_context *context,
                        const struct maqet_definition *definition,
                        struct maqet_error **err);

/* Whether a machine's folder contains only maqet's own files, so that it may be removed.
 */
int maqet_store_check_removal(const struct maqet_context *context, const char *name,
                              struct maqet_error **err);

/* Removes a machine, whose lock the caller holds. */
int maqet_store_remove(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Renames a machine, whose lock the caller holds, and that of the store. Before, the name
 * of its images without a path is recorded. MAQET_ERROR_EXISTS: there is one of that name. */
int maqet_store_rename(const struct maqet_context *context, const char *name,
                       const char *new_name, struct maqet_error **err);

/* The name of a machine in the default paths of its images: the one that it first had. The
 * caller frees. */
char *maqet_store_image_name(const struct maqet_context *context, const char *name);

/* Locks a machine; waits context->lock_timeout. A descriptor, whose closing releases the
 * lock, or -1 (MAQET_ERROR_MISSING if the machine was removed). */
int maqet_store_lock(const struct maqet_context *context, const char *name,
                     struct maqet_error **err);

/* Opens the machine's run file, created if it is missing. A descriptor, or -1
 * (MAQET_ERROR_MISSING if the machine was removed). */
int maqet_store_open_run(const struct maqet_context *context, const char *name,
                         struct maqet_error **err);

/* Locks the store, so that nobody adds or removes machines or changes the list of images
 * that outlive them (unused.h). A descriptor, whose closing releases the lock, or -1. */
int maqet_store_lock_all(const struct maqet_context *context, struct maqet_error **err);

/* Appends the paths of what killed commands have left in the data folder, outside of the
 * machines' folders. A machine that is being added or removed is among them. */
void maqet_store_leftovers(const struct maqet_context *context,
                           struct maqet_strings *paths);

/* Removes it, with the store locked; so what is in use stays. */
int maqet_store_sweep(const struct maqet_context *context, struct maqet_error **err);

/* Files of a machine besides its definition. */
#define MAQET_STORE_IMAGES "images.json"       /* records of its images: images.h */
#define MAQET_STORE_CREATED "created.json"     /* what earlier maqets wrote instead */
#define MAQET_STORE_SLOTS "slots.json"         /* the slots of its drives: slots.h */
#define MAQET_STORE_SNAPSHOTS "snapshots.json" /* the parents of its snapshots */
#define MAQET_STORE_DAMAGED ".damaged"         /* the suffix of a damaged one */
#define MAQET_STORE_PENDING "pending.json"     /* the job in progress */
#define MAQET_STORE_EXPORTS "exports.json"     /* unfinished exports */
#define MAQET_STORE_ENDED "ended.json"         /* drives to tell of its end: ended.h */
#define MAQET_STORE_EDITED "edit.yaml"        /* what a person edits: lifecycle/edit.h, */
#define MAQET_STORE_EDITED_BASE "edit.base"   /* and what was stored when that began */
#define MAQET_STORE_IMAGE_NAME "image-name"   /* of one that was renamed */
#define MAQET_STORE_CHECKPOINTS "checkpoints" /* a folder */
#define MAQET_STORE_DRIVES "drives"           /* a folder with one for each drive */
#define MAQET_STORE_FORK "fork.json"          /* whose fork it is: forks.h */
#define MAQET_STORE_GENERATION "generation"   /* its generation ID: generation.h */
#define MAQET_STORE_RUN "run"                 /* locked while it runs: run_folder.h */
#define MAQET_STORE_KNOWN_HOSTS "known_hosts" /* keys of the guest's ssh servers */
#define MAQET_STORE_RUN_FOLDER "run-folder"   /* the run folder of its last start */

/* The path of a file in a machine's folder. The caller frees. */
char *maqet_store_file(const struct maqet_context *context, const char *name,
                       const char *file);

/* Whether a job was interrupted, or is in progress: until it is recovered, the machine's
 * images must not be used. */
bool maqet_store_pending(const struct maqet_context *context, const char *name);

#endif
