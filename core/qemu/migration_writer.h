/* SPDX-License-Identifier: MIT */
/*
 * migration_writer.h - a child between QEMU and the file of a state. QEMU writes to a pipe,
 * and never notices a full disk or our death: the child reads everything, and discards
 * what is no longer needed. While memory is protected against writing (the method
 * background), a QEMU whose migration fails or is cancelled may never answer again (seen
 * with 7.2: a device that is about to write waits for the page to be saved, and the thread
 * that would save it waits for the device).
 */
#ifndef MAQET_QEMU_MIGRATION_WRITER_H
#define MAQET_QEMU_MIGRATION_WRITER_H

#include "core/base/child.h"
#include "core/base/error.h"
#include "core/qemu/migration_split.h"

struct maqet_writer {
    struct maqet_child
        child; /* begins with a byte on its socket, or ends if that closes */
    bool taking;
    int pipe; /* the end for QEMU, which accepts nothing at first; -1: released */
    /* The child's end, which QEMU can write to as long as it is open, and a pidfd of the
     * child (-1: none): another process can drain the pipe (maqet_drain) if the child is
     * killed. */
    int source;
    int pidfd;
};

/* @file is a descriptor of the file, and stays the caller's. @compress: with Zstandard (RFC
 * 8878), in the child, so the guest is not slowed down. NULL on error. */
struct maqet_writer *maqet_writer_begin(int file, bool compress,
                                        struct maqet_error **err);

/* The same, but what QEMU writes is split (migration_split.h). */
struct maqet_writer *maqet_writer_begin_split(const struct maqet_split_plan *plan,
                                              struct maqet_error **err);

/* Makes the child read from now on; a second call has no effect. */
void maqet_writer_take(struct maqet_writer *writer);

/* Makes the child read from now on, and discard what it reads. */
void maqet_writer_discard(struct maqet_writer *writer);

/* Reads a pipe to its end. */
void maqet_drain(int source);

/* Closes the end for QEMU, which has its own copy, or needs none. */
void maqet_writer_release(struct maqet_writer *writer);

/* Waits until QEMU has closed the pipe and everything is in the file; frees the writer.
 * @useless: does not wait, and makes the child discard the rest. *whole (may be NULL): why
 * it was not split; the caller frees. -1: the file is incomplete. */
int maqet_writer_end(struct maqet_writer *writer, bool useless, char **whole,
                     struct maqet_error **err);

/* The reverse: a child that decompresses such a file from its current offset to a pipe. The
 * other end is returned, for QEMU; -1 on error. If the file is damaged the pipe ends early,
 * which QEMU reports as a damaged state. */
int maqet_writer_unpack(int file, struct maqet_error **err);

#endif
