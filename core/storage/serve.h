/* SPDX-License-Identifier: MIT */
/*
 * serve.h - what a snapshot holds, offered to readers by a server that runs beside us.
 */
#ifndef MAQET_STORAGE_SERVE_H
#define MAQET_STORAGE_SERVE_H

#include "core/base/process.h"
#include "core/storage/snapshots.h"

/* Offers what a snapshot holds at a unix socket, by a server that runs beside us; returns
 * when it is ready. */
int maqet_drive_snapshot_serve(const struct maqet_drive *drive,
                               const struct maqet_snapshot *snapshot, const char *socket,
                               struct maqet_process_server *server,
                               struct maqet_error **err);

#endif
