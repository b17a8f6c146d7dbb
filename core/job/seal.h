/* SPDX-License-Identifier: MIT */
/*
 * seal.h - records how an interrupted job has left the images if maqet is killed: a child
 * waits for the end of maqet and of the helpers that die with it, and writes the images'
 * state into the journal. Until then it has the machine's lock, so the next command can
 * tell the job's own last step, which may be incomplete, from later changes by others.
 */
#ifndef MAQET_JOB_SEAL_H
#define MAQET_JOB_SEAL_H

#include "core/base/child.h"
#include "core/machine/opened.h"

/* Starts the child for a locked machine whose journal has been written. */
int maqet_seal_begin(struct maqet_child *seal, const struct maqet_opened *machine,
                     struct maqet_error **err);

/* Ends the child, if there is one, which gives up the lock. @over: the job is done, and
 * there is no journal any more; else the images' present state is recorded. */
void maqet_seal_end(struct maqet_child *seal, bool over);

#endif
