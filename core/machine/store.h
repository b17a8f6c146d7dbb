/* SPDX-License-Identifier: MIT */
/*
 * store.h - machines on the disk: one folder each below DATA/vms/, holding vm.json (the
 * definition), images.json (what is known of its images), slots.json (where its drives
 * sit), snapshots.json (what came of what), pending.json (while snapshots change),
 * started (when it was started once), run (locked while it runs), run-folder (where the
 * rest of what runs is) and lock.
 * Nothing else holds state, so a backup is `cp -a`.
 */
#ifndef MAQET_MACHINE_STORE_H
#define MAQET_MACHINE_STORE_H

#include "core/base/files.h"
#include "core/machine/definition.h"

/* Whether the data folder is ours to work with, or missing. Machines are commands that QEMU
 * runs as whoever starts them, and files that are deleted as whoever removes them: those
 * of another user are left alone, above all by root. */
int maqet_store_check_owner(const struct maqet_context *context,
                            struct maqet_error **err);

/* The folder that has one for each machine, to look at many of them. A descriptor, or -1:
 * there is none. */
int maqet_store_open(const struct maqet_context *context);

/* The names of all machines, sorted. */
int maqet_store_list(const struct maqet_context *context, struct maqet_strings *names,
                     struct maqet_error **err);

/* The name of the machine that is called so, or has this UUID. NULL: MAQET_ERROR_MISSING,
 * with the closest name. The caller frees. */
char *maqet_store_resolve(const struct maqet_context *context, const char *name_or_uuid,
                          struct maqet_error **err);

struct maqet_definition *maqet_store_load(const struct maqet_context *context,
                                          const char *name_or_uuid,
                                          struct maqet_error **err);

/* Stores a new machine; MAQET_ERROR_EXISTS when there is one of that name. */
int maqet_store_add(const struct maqet_context *context,
                    const struct maqet_definition *definition, struct maqet_error **err);

/* Replaces the definition of a machine, whose lock the caller holds. */
int maqet_store_replace(const struct maqet_context *context,
                        const struct maqet_definition *definition,
                        struct maqet_error **err);

/* Whether a machine's folder, and those in it, hold nothing but maqet's own files, so
 * that it may be removed. */
int maqet_store_check_removal(const struct maqet_context *context, const char *name,
                              struct maqet_error **err);

/* Forgets a machine, whose lock the caller holds. */
int maqet_store_remove(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Remembers that a machine was started once, and tells so. */
int maqet_store_started_set(const struct maqet_context *context, const char *name,
                            struct maqet_error **err);
void maqet_store_started_clear(const struct maqet_context *context, const char *name);
bool maqet_store_started(const struct maqet_context *context, const char *name);
bool maqet_store_started_at(int vms_fd, const char *name);

/* Locks a machine against other maqets; waits context->lock_timeout. Returns a
 * descriptor, whose closing releases the lock, or -1 (MAQET_ERROR_MISSING when it was
 * removed). */
int maqet_store_lock(const struct maqet_context *context, const char *name,
                     struct maqet_error **err);

/* Opens the machine's file whose lock its QEMU holds, made when it is missing: a
 * descriptor, or -1 (MAQET_ERROR_MISSING when it was removed). */
int maqet_store_open_run(const struct maqet_context *context, const char *name,
                         struct maqet_error **err);

/* Locks the store against everybody who adds or removes machines, as for the list of
 * images that outlive them (unused.h). A descriptor to be closed, or -1. */
int maqet_store_lock_all(const struct maqet_context *context, struct maqet_error **err);

/* Files of a machine besides its definition. */
#define MAQET_STORE_IMAGES "images.json"   /* what is known of its images: images.h */
#define MAQET_STORE_CREATED "created.json" /* in its place, before there were records */
#define MAQET_STORE_SLOTS "slots.json"     /* where its drives sit: slots.h */
#define MAQET_STORE_SNAPSHOTS "snapshots.json"
#define MAQET_STORE_DAMAGED ".damaged" /* what follows the name of one that was kept */
#define MAQET_STORE_PENDING "pending.json"
#define MAQET_STORE_EXPORTS "exports.json"    /* what exports of them write */
#define MAQET_STORE_CHECKPOINTS "checkpoints" /* a folder */
#define MAQET_STORE_RUN "run"                 /* its QEMU has it locked: run_folder.h */
#define MAQET_STORE_RUN_FOLDER "run-folder"   /* where its last start had the folder */

/* The path of a file in a machine's folder. The caller frees. */
char *maqet_store_file(const struct maqet_context *context, const char *name,
                       const char *file);

/* Whether an operation on its snapshots was interrupted, or is under way: its images are
 * not to be used until that has been put right. */
bool maqet_store_pending(const struct maqet_context *context, const char *name);

#endif
