/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - all that cli/ calls for snapshots of a machine's drives: of one drive or of
 * all together, while the machine is running (live) or stopped (offline).
 *
 * Every call takes the machine's lock, and recovers an interrupted job first.
 */
#ifndef MAQET_SNAPSHOT_SNAPSHOT_H
#define MAQET_SNAPSHOT_SNAPSHOT_H

#include "core/snapshot/convert.h"
#include "core/snapshot/create.h"
#include "core/snapshot/delete.h"
#include "core/snapshot/export.h"
#include "core/snapshot/list.h"
#include "core/snapshot/load.h"

#endif
