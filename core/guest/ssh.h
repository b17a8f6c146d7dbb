/* SPDX-License-Identifier: MIT */
/*
 * ssh.h - the command line of ssh(1) for the guest of a machine that runs: the user and the
 * key of its definition, the host's port that leads to the guest's server, and a file of
 * known hosts that only this machine uses, under the machine's UUID, since the port changes.
 */
#ifndef MAQET_GUEST_SSH_H
#define MAQET_GUEST_SSH_H

#include "core/machine/opened.h"

/* Fills @argv with ssh(1) up to the guest's address; a command may follow.
 * MAQET_ERROR_UNSUPPORTED, with what to add to the definition, if no port leads to the guest's
 * server; MAQET_ERROR_MISSING: there is no such program. */
int maqet_ssh_words(struct maqet_opened *machine, struct maqet_strings *argv,
                    struct maqet_error **err);

/* The guest's port of its server, and whether the definition has the key `ssh`, so that ssh is
 * preferred to the agent. */
int maqet_ssh_port(struct maqet_opened *machine, unsigned *port, bool *is_defined,
                   struct maqet_error **err);

#endif
