/* SPDX-License-Identifier: MIT */
/*
 * secrets.h - the files that a command line of QEMU, or of one of its tools, takes keys
 * from: `-object secret,file=...`, whoever wrote it, a plugin or the user.
 */
#ifndef MAQET_QEMU_SECRETS_H
#define MAQET_QEMU_SECRETS_H

#include "core/base/text.h"

/* Appends their paths. Relative ones start at @folder; NULL: they stay relative. */
void maqet_secrets_find(const struct maqet_strings *argv, const char *folder,
                        struct maqet_strings *paths);

#endif
