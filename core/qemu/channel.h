/* SPDX-License-Identifier: MIT */
/*
 * channel.h - a connection to QEMU on which both sides send JSON objects, one per line.
 * Every call has a deadline. Received data is not trusted: a message that is longer than
 * 64 MiB, or is not an object, is an error and makes the connection unusable.
 */
#ifndef MAQET_QEMU_CHANNEL_H
#define MAQET_QEMU_CHANNEL_H

#include "core/base/clock.h"
#include "core/base/error.h"

struct maqet_channel {
    int fd;
    int gone;                /* becomes readable when QEMU has ended; -1: unknown */
    bool marked;             /* see maqet_channel_mark() */
    bool broken;             /* the sides disagree on where a message begins */
    struct maqet_text input; /* received, but not yet parsed */
    size_t scanned;          /* bytes of it that contain no line feed */
    size_t size;             /* bytes of the last message */
};

#define MAQET_CHANNEL_INIT ((struct maqet_channel){.fd = -1, .gone = -1})

/* How long a caller waits, and for what. */
struct maqet_wait {
    const char *awaited; /* for errors */
    int64_t timeout;     /* ms; negative: no limit; 0: do not wait */
    struct maqet_deadline deadline;
    bool has_begun;
};

/* @awaited, such as "QEMU's answer", must outlive the result. */
struct maqet_wait maqet_wait_for(const char *awaited, int64_t timeout);

/* Connects to the unix socket @name in the folder @dir_fd, whose path may have any length.
 * The caller has set channel->gone, and keeps it. */
int maqet_channel_connect(struct maqet_channel *channel, int dir_fd, const char *name,
                          struct maqet_wait *wait, struct maqet_error **err);

/* Sends an object, and a copy of a descriptor (-1: none). After an error the connection is
 * unusable. */
int maqet_channel_send(struct maqet_channel *channel, json_object *message, int fd,
                       struct maqet_wait *wait, struct maqet_error **err);

/* Sends a command with arguments (taken; NULL: none) and an id (0: none); likewise. */
int maqet_channel_command(struct maqet_channel *channel, const char *command,
                          json_object *arguments, int64_t id, int fd,
                          struct maqet_wait *wait, struct maqet_error **err);

/* Sends the byte 0xFF, which makes the other side discard what it has read of a message. QEMU
 * answers with an error that has no id. */
int maqet_channel_discard(struct maqet_channel *channel, struct maqet_wait *wait,
                          struct maqet_error **err);

/* Sends a mark (the byte 0xFF), which makes the other side discard what it has read. It
 * answers with a mark. From now on, lines that are not objects are skipped, and so is
 * everything in a line up to its last mark (QEMU: docs/interop/qemu-ga-ref). */
int maqet_channel_mark(struct maqet_channel *channel, struct maqet_wait *wait,
                       struct maqet_error **err);

/* Receives an object; the caller puts it. */
json_object *maqet_channel_receive(struct maqet_channel *channel, struct maqet_wait *wait,
                                   struct maqet_error **err);

/* The error for a command that @who refused, in its own words, with a code that depends on
 * the error's class (QEMU: qapi/error.json). Returns -1. */
int maqet_channel_refusal(const char *who, json_object *refusal,
                          struct maqet_error **err);

void maqet_channel_clear(struct maqet_channel *channel);

#endif
