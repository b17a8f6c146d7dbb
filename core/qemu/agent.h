/* SPDX-License-Identifier: MIT */
/*
 * agent.h - a client of the QEMU guest agent (QEMU: docs/interop/qemu-ga-ref), which runs
 * in the guest, and may be missing, hang, or send anything. Answers to an earlier client
 * may still arrive, so each connection begins with a mark.
 */
#ifndef MAQET_QEMU_AGENT_H
#define MAQET_QEMU_AGENT_H

#include "core/base/error.h"

/* The host's end of its port, in the run folder. */
#define MAQET_AGENT_SOCKET "agent.sock"

struct maqet_agent;

/* Connects, and waits until an agent answers, for @timeout ms. @gone is as in
 * maqet_qmp_open(). MAQET_ERROR_TIMEOUT: no agent answers. */
struct maqet_agent *maqet_agent_open(int dir_fd, int64_t timeout, int gone,
                                     struct maqet_error **err);
void maqet_agent_cleanup(struct maqet_agent **agent);

#define _cleanup_agent_ _cleanup_(maqet_agent_cleanup)

/* Runs a command with arguments (taken; NULL: none); the caller puts what it returns. After MAQET_ERROR_TIMEOUT the agent may
 * still run it. Commands that are posted afterwards run after it, but their answers can
 * only be read on a new connection. */
json_object *maqet_agent_execute(struct maqet_agent *agent, const char *command,
                                 json_object *arguments, int64_t timeout,
                                 struct maqet_error **err);

/* Sends a command without waiting for its answer. */
int maqet_agent_post(struct maqet_agent *agent, const char *command, int64_t timeout,
                     struct maqet_error **err);

#endif
