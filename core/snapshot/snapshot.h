/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - snapshots of a machine's drives: of one drive or of all of them together,
 * while the machine runs (live) or not (offline). This is all that the program asks for.
 *
 * Every call takes the machine's lock, and a job that was interrupted is recovered before
 * anything else.
 */
#ifndef MAQET_SNAPSHOT_SNAPSHOT_H
#define MAQET_SNAPSHOT_SNAPSHOT_H

#include "core/snapshot/create.h"
#include "core/snapshot/delete.h"
#include "core/snapshot/export.h"
#include "core/snapshot/list.h"
#include "core/snapshot/load.h"

#endif
