/* SPDX-License-Identifier: MIT */
/*
 * transport.h - scripts and files for a guest: by ssh(1) if the machine's definition has
 * the key `ssh`, otherwise by the guest's agent.
 */
#ifndef MAQET_GUEST_TRANSPORT_H
#define MAQET_GUEST_TRANSPORT_H

#include "core/guest/ssh.h"

struct maqet_transport {
    struct maqet_opened *machine;
    bool by_ssh;
    struct maqet_strings ssh; /* the words of ssh(1) */
    int64_t answer_timeout;   /* ms in which the agent must answer */
};

/* @agent: by the agent in any case. */
int maqet_transport_open(struct maqet_opened *machine, bool agent, int64_t answer_timeout,
                         struct maqet_transport *transport, struct maqet_error **err);
void maqet_transport_clear(struct maqet_transport *transport);

#define _cleanup_transport_ _cleanup_(maqet_transport_clear)

/* Runs a script of the shell sh in the guest with arguments, $1 and so on (ended by NULL).
 * *output (may be NULL) gets its standard output without the last line feed; the caller
 * frees. If it fails, its standard error is in the message. */
int maqet_transport_script(struct maqet_transport *transport, const char *script,
                           const char *const *arguments, char **output,
                           struct maqet_error **err);

/* Writes what a descriptor has up to its end to the file @path in the guest, which exists.
 * @size is for the progress; 0: not known. */
int maqet_transport_send(struct maqet_transport *transport, int fd, uint64_t size,
                         const char *path, struct maqet_error **err);

/* Gets each piece of what is received. Returns 0, or -1 with an error. */
typedef int maqet_transport_sink(void *data, const char *bytes, size_t count,
                                 struct maqet_error **err);

/* Reads a file in the guest. */
int maqet_transport_receive(struct maqet_transport *transport, const char *path,
                            uint64_t size, maqet_transport_sink *sink, void *data,
                            struct maqet_error **err);

#endif
