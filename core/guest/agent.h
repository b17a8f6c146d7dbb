/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the guest agent of an opened machine that runs. QEMU serves one client at a
 * time on the agent's port, so conversations are kept short: others, such as a snapshot
 * that freezes the guest's file systems, take turns.
 */
#ifndef MAQET_GUEST_AGENT_H
#define MAQET_GUEST_AGENT_H

#include "core/machine/opened.h"
#include "core/qemu/agent.h"

/* Whether the machine was started with a port for an agent: MAQET_ERROR_UNSUPPORTED. */
int maqet_guest_agent_check(const struct maqet_opened *machine, struct maqet_error **err);

/* Whether something in the guest has opened that port, as QEMU sees it: at once, and without
 * the guest. An agent may hang nevertheless. */
bool maqet_guest_agent_is_there(struct maqet_opened *machine);

/* Connects to the agent; it has @timeout ms to answer. NULL on error: MAQET_ERROR_TIMEOUT
 * if nobody answers, MAQET_ERROR_STATE if the guest is paused, or QEMU has ended. */
struct maqet_agent *maqet_guest_agent_open(struct maqet_opened *machine, int64_t timeout,
                                           struct maqet_error **err);

/* Runs one command (the arguments are taken; NULL: none) on a connection of its own, which
 * the agent must answer within @timeout ms. While the
 * guest's file systems are frozen for a snapshot, the agent refuses most commands, so that is
 * waited for. The caller puts what it returns; NULL on error. */
json_object *maqet_guest_agent_ask(struct maqet_opened *machine, const char *command,
                                   json_object *arguments, int64_t timeout,
                                   struct maqet_error **err);

/* Waits for @interval ms. Returns -1 with an error if QEMU ends meanwhile, or we are
 * interrupted. */
int maqet_guest_pause(const struct maqet_opened *machine, int64_t interval,
                      struct maqet_error **err);

#endif
