/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - checkpoints: the snapshots of all drives of a machine that runs, and the
 * guest's memory at the same instant, so that it goes on where it was. This is all that
 * the program asks for.
 *
 * As with snapshots, every call takes the machine's lock, and a job that was interrupted
 * is recovered before anything else.
 */
#ifndef MAQET_CHECKPOINT_CHECKPOINT_H
#define MAQET_CHECKPOINT_CHECKPOINT_H

#include "core/checkpoint/create.h"
#include "core/checkpoint/delete.h"
#include "core/checkpoint/list.h"
#include "core/checkpoint/load.h"
#include "core/checkpoint/run.h"

#endif
