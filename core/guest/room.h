/* SPDX-License-Identifier: MIT */
/*
 * room.h - space on the host that a guest cannot take: what comes from there has a size that
 * only the guest knows.
 */
#ifndef MAQET_GUEST_ROOM_H
#define MAQET_GUEST_ROOM_H

#include "core/base/error.h"

/* Whether the file system of a path on the host has space, and room for files, beyond what
 * is kept for others: a twentieth, but not more than 1 GiB. A file system that does not
 * say what it has is taken to have enough. MAQET_ERROR_NO_SPACE if not. */
int maqet_room_check(const char *path, struct maqet_error **err);

#endif
