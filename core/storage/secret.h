/* SPDX-License-Identifier: MIT */
/*
 * secret.h - the contents of SECRET options, read when a plugin asks for them. While a
 * drive has one, it is masked in messages and refused in command lines (base/mask.h).
 */
#ifndef MAQET_STORAGE_SECRET_H
#define MAQET_STORAGE_SECRET_H

#include "core/storage/drive.h"

/* As maqet_drive_secret(), for the value of @option; NULL: there is none. */
const char *maqet_drive_read_secret(const struct maqet_drive *drive,
                                    const struct maqet_value *value, const char *option,
                                    size_t *size, struct maqet_error **err);

/* Whether the options of one are paths of files, rather than secrets that somebody has
 * written themselves. */
int maqet_secrets_are_paths(const struct maqet_drive *drive, enum maqet_whose whose,
                            struct maqet_error **err);

/* Wipes and frees those that were read. */
void maqet_secrets_free(struct maqet_secret *secrets);

#endif
