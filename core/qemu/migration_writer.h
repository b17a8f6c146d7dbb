/* SPDX-License-Identifier: MIT */
/*
 * migration_writer.h - a child between QEMU and the file of state. QEMU writes to a pipe,
 * and never learns of a full disk or of our death: the child takes all that comes, and
 * throws it away when there is no use for it any more. While its guest's memory is
 * protected against writing (method background), a QEMU that fails, or is told to give up,
 * may never answer again (seen with 7.2: a device that is about to write waits for the
 * page to be saved, and the thread that would save it waits for the device).
 */
#ifndef MAQET_QEMU_MIGRATION_WRITER_H
#define MAQET_QEMU_MIGRATION_WRITER_H

#include "core/base/child.h"
#include "core/base/error.h"

struct maqet_writer {
    struct maqet_child child; /* a byte: take what comes; the end of the socket: nobody
                               * needs the file any more */
    bool taking;
    int pipe; /* the end that is for QEMU, which takes nothing yet; -1: released */
    /* The other end, where the child reads: as long as it is open, QEMU's writing can't
     * fail. With a pidfd of the child (-1: none) it is for somebody who throws away what
     * comes (maqet_drain) when the child was killed. */
    int source;
    int pidfd;
};

/* @file is a descriptor of the file, which stays the caller's. @compress: with Zstandard
 * (RFC 8878), which costs processor time of ours and none of the guest's. NULL on error.
 */
struct maqet_writer *maqet_writer_begin(int file, bool compress,
                                        struct maqet_error **err);

/* From now on it takes all that comes; a second call has no effect. */
void maqet_writer_take(struct maqet_writer *writer);

/* Reads to the end of a pipe. */
void maqet_drain(int source);

/* QEMU has got its copy of it, or none was made. */
void maqet_writer_release(struct maqet_writer *writer);

/* Waits until QEMU has closed the pipe and all is in the file; frees the writer.
 * @useless: don't wait, and throw away what comes yet. Returns 0, or -1 when something is
 * missing. */
int maqet_writer_end(struct maqet_writer *writer, bool useless, struct maqet_error **err);

/* The way back: a child that reads such a compressed file from where it stands and writes
 * what was in it to a pipe, whose other end is returned, for QEMU; -1 on error. A damaged
 * file ends the pipe early, which QEMU takes for a damaged state. */
int maqet_writer_unpack(int file, struct maqet_error **err);

#endif
