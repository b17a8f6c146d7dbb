/* SPDX-License-Identifier: MIT */
/*
 * creatable.h - whether a checkpoint can be made of a machine, and what it will fit.
 */
#ifndef MAQET_CHECKPOINT_CREATABLE_H
#define MAQET_CHECKPOINT_CREATABLE_H

#include "core/checkpoint/request.h"
#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

/* Chooses the drives, looks for all that is in the way of a checkpoint (a guest that does
 * not run, a name that is taken, what QEMU cannot save, no room), and describes the machine
 * that it will fit. */
int maqet_creatable_check(struct maqet_session *session,
                          const struct maqet_checkpoint_request *request,
                          struct maqet_checkpoint *about, struct maqet_error **err);

#endif
