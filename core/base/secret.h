/* SPDX-License-Identifier: MIT */
/*
 * secret.h - files that hold keys: whoever else can read one has what it protects.
 */
#ifndef MAQET_BASE_SECRET_H
#define MAQET_BASE_SECRET_H

#include "core/base/error.h"

/* MAQET_ERROR_PERMISSION: others than its owner may use the file. One that is missing,
 * and what is no regular file (a pipe), is for whoever opens it to judge. */
int maqet_secret_check(const char *path, struct maqet_error **err);

/* The same for several. */
int maqet_secrets_check(const struct maqet_strings *paths, struct maqet_error **err);

#endif
