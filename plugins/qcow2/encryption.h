/* SPDX-License-Identifier: MIT */
/*
 * encryption.h - making an image that is encrypted as the drive says.
 */
#ifndef QCOW2_ENCRYPTION_H
#define QCOW2_ENCRYPTION_H

#include <maqet-plugin.h>

bool encryption_wanted(const struct maqet_drive *drive);

/* Appends what `qemu-img create` needs to encrypt the image; nothing where the drive is
 * not encrypted. */
void encryption_add_options(const struct maqet_drive *drive,
                            struct maqet_command *command);

/* Runs the command that @command_for returns, which makes the image. */
int
encryption_create(const struct maqet_drive *drive,
                  struct maqet_command *(*command_for)(const struct maqet_drive *drive,
                                                       const char *path, uint64_t size),
                  const char *path, uint64_t size, struct maqet_error **err);

#endif
