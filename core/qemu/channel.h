/* SPDX-License-Identifier: MIT */
/*
 * channel.h - a connection to QEMU on which each side sends JSON objects, one a line. Every
 * call has a deadline. Nothing that arrives is trusted: a message of more than 64 MiB, or
 * one that is not an object, is an error and ends the connection.
 */
#ifndef MAQET_QEMU_CHANNEL_H
#define MAQET_QEMU_CHANNEL_H

#include "core/base/clock.h"
#include "core/base/error.h"

struct maqet_channel {
    int fd;
    int gone;                /* becomes readable when QEMU has ended; -1: nobody tells */
    bool marked;             /* see maqet_channel_mark() */
    bool broken;             /* the sides no longer agree where a message begins */
    struct maqet_text input; /* what was read and not yet taken */
    size_t scanned;          /* bytes of it that are known to hold no line feed */
    size_t size;             /* bytes of the message that was received last */
};

#define MAQET_CHANNEL_INIT ((struct maqet_channel){.fd = -1, .gone = -1})

/* For how long a caller waits, and for what, in the words of an error. */
struct maqet_wait {
    const char *awaited;
    int64_t timeout; /* ms; negative: no limit; 0: only for what is there */
    struct maqet_deadline deadline;
    bool has_begun;
};

/* @awaited, "QEMU's answer" for example, must outlive the result. */
struct maqet_wait maqet_wait_for(const char *awaited, int64_t timeout);

/* Connects to the unix socket @name in the folder @dir_fd, whose path may be of any length.
 * channel->gone was set by the caller, and stays the caller's. */
int maqet_channel_connect(struct maqet_channel *channel, int dir_fd, const char *name,
                          struct maqet_wait *wait, struct maqet_error **err);

/* Sends an object. After an error nothing can be sent or received any more. */
int maqet_channel_send(struct maqet_channel *channel, json_object *message,
                       struct maqet_wait *wait, struct maqet_error **err);

/* Sends a command with its arguments (taken; NULL: none), an id (0: none), and a
 * descriptor of which the other side gets a copy (-1: none). */
int maqet_channel_command(struct maqet_channel *channel, const char *command,
                          json_object *arguments, int64_t id, int fd,
                          struct maqet_wait *wait, struct maqet_error **err);

/* Sends a mark (the byte 0xFF) by which the other side begins anew. From then on lines
 * that are not objects are passed over, and so is all of a line up to the last mark in it,
 * with which the other side answers (QEMU: docs/interop/qemu-ga-ref). */
int maqet_channel_mark(struct maqet_channel *channel, struct maqet_wait *wait,
                       struct maqet_error **err);

/* Receives an object; the caller puts it. */
json_object *maqet_channel_receive(struct maqet_channel *channel, struct maqet_wait *wait,
                                   struct maqet_error **err);

/* The error of a command that @who has refused, in its own words, and with a code by its
 * class (QEMU: qapi/error.json). Returns -1. */
int maqet_channel_refusal(const char *who, json_object *refusal,
                          struct maqet_error **err);

void maqet_channel_clear(struct maqet_channel *channel);

#endif
