/* SPDX-License-Identifier: MIT */
/*
 * checkpoint_memory.h - the guest's memory of a checkpoint as a file of its own, NAME.ram
 * beside NAME.state, which a load maps into QEMU instead of reading it. Each page is at its
 * own offset, and those that are zero are holes. Nothing may write to it after it is
 * complete.
 */
#ifndef MAQET_MACHINE_CHECKPOINT_MEMORY_H
#define MAQET_MACHINE_CHECKPOINT_MEMORY_H

#include "core/base/context.h"

struct maqet_checkpoint;

#define MAQET_MEMORY_SUFFIX ".ram"

/* Its path. The caller frees. */
char *maqet_memory_file_path(const struct maqet_context *context, const char *vm,
                             const char *name);

/* Creates it with a temporary name and mode 0600. Returns a descriptor, or -1. */
int maqet_memory_file_create(const struct maqet_context *context, const char *vm,
                             const char *name, struct maqet_error **err);

/* Lets it share what it can with that of the checkpoint before, syncs it, makes it read-only,
 * and gives it its name. @about gets its checksum and identity. */
int maqet_memory_file_publish(const struct maqet_context *context, const char *vm,
                              const char *name, int fd, struct maqet_checkpoint *about,
                              struct maqet_error **err);

/* Whether it is the file that was written, by its identity and without reading it. If it
 * has another identity, because it was copied, it is read: *read says so, and @about has its
 * new identity. */
int maqet_memory_file_check(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_checkpoint *about, bool *read,
                            struct maqet_error **err);

/* Reads it, and compares its checksum. */
int maqet_memory_file_verify(const struct maqet_context *context, const char *vm,
                             const char *name, const struct maqet_checkpoint *about,
                             struct maqet_error **err);

/* Before QEMU 8.2, a file that is mapped must be opened for writing too, although nothing
 * is written to it: lets our own user do so, or no longer. */
int maqet_memory_file_let_open(const struct maqet_context *context, const char *vm,
                               const char *name, bool open, struct maqet_error **err);

/* Ends that if whoever did it was killed meanwhile. The caller has the machine's lock. */
void maqet_memory_file_settle(const struct maqet_context *context, const char *vm,
                              const char *name);

/* Removes it, complete or not. */
int maqet_memory_file_remove(const struct maqet_context *context, const char *vm,
                             const char *name, struct maqet_error **err);

/* Adds what can be done without the memory to an error. Returns -1. */
int maqet_memory_file_error_damaged(const char *vm, const char *name,
                                    struct maqet_error **err);

#endif
