/* SPDX-License-Identifier: MIT */
/*
 * stack.h - a drive of the plugin with `snapshots: overlay`, and overlays on it, one callback at a
 * time; the core calls several for what a user does.
 */
#ifndef MAQET_CONFORMANCE_STACK_H
#define MAQET_CONFORMANCE_STACK_H

#include "core/conformance/bench.h"
#include "core/storage/overlays.h"

/* A drive without overlays yet. NULL on error. */
struct maqet_drive *stack_drive(struct bench *bench, const char *name,
                                struct maqet_error **err);

/* The same with its image, of BENCH_SIZE bytes. */
struct maqet_drive *stack_make(struct bench *bench, const char *name,
                               struct maqet_error **err);

/* Puts an overlay on a node. Fails if its file is another one than the empty one that was there
 * before, or has other permissions. */
int stack_put(struct maqet_drive *drive, uint64_t parent, uint64_t bytes, uint64_t *id,
              struct maqet_error **err);

/* Calls a callback of an overlay; the first two merge it. @lower: what it stands on then, or NULL:
 * nothing. */
int stack_merge_down(struct maqet_drive *drive, uint64_t id, struct maqet_error **err);
int stack_merge_up(struct maqet_drive *drive, uint64_t id,
                   const struct maqet_overlay *lower, struct maqet_error **err);
int stack_rename(struct maqet_drive *drive, uint64_t id, struct maqet_error **err);
int stack_used(struct maqet_drive *drive, uint64_t id, uint64_t *bytes,
               struct maqet_error **err);

/* The disk as text: what is at each MiB. A digit: 64 KiB are filled with that number; a dot: they
 * are left alone, or not looked at. @what is for the message. */
int stack_write(struct maqet_drive *drive, uint64_t id, const char *disk,
                struct maqet_error **err);
int stack_read(struct maqet_drive *drive, uint64_t id, const char *disk, const char *what,
               struct maqet_error **err);

/* Has qemu-io do something with a node. */
int stack_io(struct maqet_drive *drive, uint64_t id, const struct maqet_strings *commands,
             bool writes, struct maqet_error **err);

/* What qemu-io is to do to find such a disk, or to make it one. */
void stack_commands(const char *disk, bool writes, struct maqet_strings *commands);

#endif
