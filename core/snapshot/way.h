/* SPDX-License-Identifier: MIT */
/*
 * way.h - whether a machine is in the state that a request needs: stopped or running.
 */
#ifndef MAQET_SNAPSHOT_WAY_H
#define MAQET_SNAPSHOT_WAY_H

#include "core/snapshot/request.h"
#include "core/snapshot/session.h"

/* MAQET_ERROR_STATE where it isn't; and a machine that runs has its drives for itself. */
int maqet_way_check(struct maqet_session *session, enum maqet_way way,
                    struct maqet_error **err);

#endif
