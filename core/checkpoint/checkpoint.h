/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - all that cli/ calls for checkpoints: snapshots of all drives of a running
 * machine and the guest's memory at the same instant, from which it can be resumed.
 *
 * As with snapshots, every call takes the machine's lock, and recovers an interrupted job
 * first.
 */
#ifndef MAQET_CHECKPOINT_CHECKPOINT_H
#define MAQET_CHECKPOINT_CHECKPOINT_H

#include "core/checkpoint/create.h"
#include "core/checkpoint/delete.h"
#include "core/checkpoint/list.h"
#include "core/checkpoint/load.h"
#include "core/checkpoint/verify.h"

#endif
