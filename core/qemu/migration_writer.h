/* SPDX-License-Identifier: MIT */
/*
 * writer.h - a child between QEMU and the file of state. QEMU writes to a pipe, and never
 * learns of a full disk or of our death: the child takes all that comes until QEMU is
 * done, and throws it away when there is no use for it any more. For while its guest's
 * memory is protected against writing (method background), a QEMU that fails, or is told
 * to give up, may never answer again (seen with 7.2: a device that is about to write
 * waits for the page to be saved, and the thread that would save it waits for the
 * device).
 */
#ifndef MAQET_QEMU_MIGRATION_WRITER_H
#define MAQET_QEMU_MIGRATION_WRITER_H

#include "core/base/error.h"

struct maqet_writer;

/* @file is a descriptor of the file, which stays the caller's. @compress: with Zstandard
 * (RFC 8878), which costs processor time of ours and none of the guest's. NULL on error.
 */
struct maqet_writer *maqet_writer_begin(int file, bool compress,
                                        struct maqet_error **err);

/* The end of the pipe that is for QEMU; it stays the writer's. It takes nothing yet. */
int maqet_writer_pipe(const struct maqet_writer *writer);

/* From now on it takes all that comes; a second call has no effect. */
void maqet_writer_take(struct maqet_writer *writer);

/* The other end of the pipe, and a pidfd of the child (-1: none), for somebody who throws
 * away what comes (maqet_drain) when that was killed. Both stay the writer's. */
int maqet_writer_pidfd(const struct maqet_writer *writer);
int maqet_writer_source(const struct maqet_writer *writer);

/* Reads to the end of a pipe. */
void maqet_drain(int source);

/* QEMU has got its copy of it, or none was made. */
void maqet_writer_release(struct maqet_writer *writer);

/* Waits until QEMU has closed the pipe and all is in the file; frees the writer.
 * @useless: don't wait, and throw away what comes yet. Returns 0, or -1 when something is
 * missing. */
int maqet_writer_end(struct maqet_writer *writer, bool useless, struct maqet_error **err);

/*
 * The way back: a child that reads such a compressed file from where it stands and writes
 * what was in it to a pipe. Returns the pipe's other end, for QEMU, or -1. The child ends
 * when that is closed; a damaged file ends the pipe early, which QEMU takes for a damaged
 * state.
 */
int maqet_writer_unpack(int file, struct maqet_error **err);

#endif
