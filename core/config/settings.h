/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the user's settings file (maqet.conf, YAML): directories, plugins, accel,
 * verbosity.
 */
#ifndef MAQET_CONFIG_SETTINGS_H
#define MAQET_CONFIG_SETTINGS_H

#include "core/base/error.h"

struct maqet_settings {
    char *data_dir; /* NULL where nothing says it */
    char *runtime_dir;
    char *storage_dir;
    struct maqet_strings plugin_dirs;
    char *accel;
    char *verbosity; /* quiet, normal or verbose */
};

/* Takes from a file what is not said yet, and adds its plugin folders; there need not be
 * the file. The directories come out absolute. */
int maqet_settings_read(const char *path, struct maqet_settings *settings,
                        struct maqet_error **err);
void maqet_settings_clear(struct maqet_settings *settings);

#endif
