/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the settings file (maqet.conf, YAML): folders, plugins, accel, verbosity.
 */
#ifndef MAQET_CONFIG_SETTINGS_H
#define MAQET_CONFIG_SETTINGS_H

#include "core/base/context.h"

/* Fills members of @context that are NULL, and *verbosity ("quiet", "normal" or
 * "verbose") if it is NULL, from a file, and adds its plugin folders. The file may be
 * missing. Folders are made absolute. */
int maqet_settings_read(const char *path, struct maqet_context *context, char **verbosity,
                        struct maqet_error **err);

#endif
