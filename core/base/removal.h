/* SPDX-License-Identifier: MIT */
/*
 * removal.h - deletes a folder with all that is in it.
 */
#ifndef MAQET_BASE_REMOVAL_H
#define MAQET_BASE_REMOVAL_H

#include "core/base/error.h"

/* Removes a folder and its contents, without following links. A missing one is fine. */
int maqet_dir_remove(const char *path, struct maqet_error **err);

#endif
