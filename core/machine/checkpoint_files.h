/* SPDX-License-Identifier: MIT */
/*
 * state_file.h - what a checkpoint has besides the snapshots of its drives, in the folder
 * checkpoints/ beside the machine's definition: NAME.state, the guest's memory and
 * devices as QEMU wrote them, and NAME.json, which tells what they belong to. The second
 * one is written last: where it is, the checkpoint is complete.
 */
#ifndef MAQET_MACHINE_CHECKPOINT_FILES_H
#define MAQET_MACHINE_CHECKPOINT_FILES_H

#include <json-c/json.h>

#include "core/base/context.h"
#include "core/base/error.h"

/* A new file, under a temporary name, for its owner alone: a descriptor, or -1. */
int maqet_state_file_create(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Gives it its name, with what it belongs to and its checksum, once it has reached the
 * disk. @about gets its length as "size", and what it takes on the disk as "allocated".
 */
int maqet_state_file_publish(const struct maqet_context *context, const char *vm,
                             const char *name, int fd, json_object *about,
                             struct maqet_error **err);

/*
 * Opens it for reading, unpacked: a descriptor, or -1. One that is not as it was written,
 * by its length and its checksum, is an error. *verified tells which file has been found
 * to be so (maqet_file_mark), and saves reading it a second time: NULL, or what an
 * earlier call has left there. The caller frees.
 */
int maqet_state_file_open(const struct maqet_context *context, const char *vm,
                          const char *name, json_object *about, char **verified,
                          struct maqet_error **err);

/* Removes all that there is of it, complete or not. */
int maqet_state_file_remove(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Whether there is a checkpoint of that name. */
bool maqet_state_file_exists(const struct maqet_context *context, const char *vm,
                             const char *name);

/* What a checkpoint's state belongs to, with "allocated" as it is now; the caller puts
 * it. NULL: MAQET_ERROR_MISSING,
 * with those that there are. */
json_object *maqet_state_file_about(const struct maqet_context *context, const char *vm,
                                    const char *name, struct maqet_error **err);

/* The names of all checkpoints. */
int maqet_state_file_list(const struct maqet_context *context, const char *vm,
                          struct maqet_strings *names, struct maqet_error **err);

/* Bytes that are free where they are written. False: not known. */
bool maqet_state_file_space(const struct maqet_context *context, const char *vm,
                            uint64_t *available);

#endif
