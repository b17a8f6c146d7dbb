/* SPDX-License-Identifier: MIT */
/*
 * agent.h - a client of the QEMU guest agent (QEMU: docs/interop/qemu-ga-ref), which runs
 * in the guest and may be missing, hang, or say anything. A client that was cut off leaves
 * its answers for the next one, so each begins with a mark.
 */
#ifndef MAQET_QEMU_AGENT_H
#define MAQET_QEMU_AGENT_H

#include "core/base/error.h"

/* The host's side of its port, in the folder of a running machine. */
#define MAQET_AGENT_SOCKET "agent.sock"

struct maqet_agent;

/* Connects and makes sure that an agent answers, within @timeout ms. @gone is as in
 * maqet_qmp_open(). MAQET_ERROR_TIMEOUT: none does. */
struct maqet_agent *maqet_agent_open(int dir_fd, int64_t timeout, int gone,
                                     struct maqet_error **err);
void maqet_agent_cleanup(struct maqet_agent **agent);

#define _cleanup_agent_ _cleanup_(maqet_agent_cleanup)

/* Runs a command; the caller puts what it returns. After MAQET_ERROR_TIMEOUT the answer
 * may still come: what is sent then is done after it, but by another connection only. */
json_object *maqet_agent_execute(struct maqet_agent *agent, const char *command,
                                 int64_t timeout, struct maqet_error **err);

/* Sends a command without waiting for its answer. */
int maqet_agent_post(struct maqet_agent *agent, const char *command, int64_t timeout,
                     struct maqet_error **err);

#endif
