/* SPDX-License-Identifier: MIT */
/*
 * unpacked.h - what tar(1) has unpacked of a guest's archive, in a private folder, before
 * others see it. The tree is examined, not the archive, which different programs may read
 * differently.
 */
#ifndef MAQET_GUEST_UNPACKED_H
#define MAQET_GUEST_UNPACKED_H

#include <sys/types.h>

#include "core/base/error.h"

/* What remains of a guest's permissions here: no rights of an owner for those who run a
 * program, nothing that the user's umask @mask takes away, and no writing by others. */
mode_t maqet_guest_mode(mode_t mode, mode_t mask);

/* Refuses a tree that is not a folder, or has anything but files, folders and links in it,
 * and reduces the permissions (maqet_guest_mode). The folder itself stays writable for its
 * owner, so that it can be renamed; *mode gets the permissions that it is to have then. */
int maqet_unpacked_check(const char *path, mode_t mask, mode_t *mode,
                         struct maqet_error **err);

/* Deletes a tree, whatever permissions its folders have. */
void maqet_unpacked_remove(const char *path);

#endif
