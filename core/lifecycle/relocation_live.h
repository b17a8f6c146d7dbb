/* SPDX-License-Identifier: MIT */
/*
 * relocation_live.h - gives a drive another image while its guest runs. QEMU copies what the guest sees
 * to the new image, with what the guest writes meanwhile, until both are the same
 * (blockdev-mirror). Then the guest is paused for a moment, in which nobody writes: the nodes of
 * the drive are closed and opened anew on the new image, with the names that they have always
 * had, while the device stands on an empty node.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_LIVE_H
#define MAQET_LIFECYCLE_RELOCATION_LIVE_H

#include "core/lifecycle/relocation.h"

/* Whether it can be done: MAQET_ERROR_UNSUPPORTED, MAQET_ERROR_STATE. Changes nothing. */
int maqet_relocation_check_live(struct maqet_relocation *relocation,
                                struct maqet_error **err);

/* Creates the new image, copies, and switches over; then the definitions name the new image, and
 * the guest goes on. */
int maqet_relocation_mirror(struct maqet_relocation *relocation, struct maqet_job *job,
                            struct maqet_error **err);

/* After an interruption: the drive gets its old image or, if the definition names it, the new
 * one, and the guest goes on. */
int maqet_relocation_settle_live(struct maqet_relocation *relocation, size_t phase,
                                 bool committed, struct maqet_error **err);

#endif
