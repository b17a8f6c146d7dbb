/* SPDX-License-Identifier: MIT */
/*
 * creatable.h - whether a checkpoint of a machine can be created, and what it will fit.
 */
#ifndef MAQET_CHECKPOINT_CREATABLE_H
#define MAQET_CHECKPOINT_CREATABLE_H

#include "core/checkpoint/request.h"
#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

/* Chooses the drives, checks what could prevent a checkpoint (the guest is not running, the
 * name is taken, QEMU cannot save something, the disk is full), and describes the machine
 * that it will fit. */
int maqet_creatable_check(struct maqet_session *session,
                          const struct maqet_checkpoint_request *request,
                          struct maqet_checkpoint *about, struct maqet_error **err);

#endif
