/* SPDX-License-Identifier: MIT */
/*
 * seal.h - how an interrupted operation has left the images is written down when we can't
 * do it ourselves: a child waits for our end, then for that of the helpers that die with
 * us, and records the images' state in the journal. Until then it has the machine's lock,
 * so the next command finds a journal that tells our own last step, which may have been
 * cut short, from what anybody else does to the images later.
 */
#ifndef MAQET_JOB_SEAL_H
#define MAQET_JOB_SEAL_H

#include "core/base/child.h"
#include "core/base/context.h"

/* The journal has been written; @lock is the machine's. */
int maqet_seal_begin(struct maqet_child *seal, const struct maqet_context *context,
                     const char *vm, int lock, struct maqet_error **err);

/* @over: so is the operation, and there is no journal any more. Else what it has left is
 * recorded now. The child has ended afterwards, and has the lock no longer. With no
 * child there is nothing to do. */
void maqet_seal_end(struct maqet_child *seal, bool over);

#endif
