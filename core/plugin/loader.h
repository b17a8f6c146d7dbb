/* SPDX-License-Identifier: MIT */
/*
 * loader.h - plugins: opened, checked, and copied into structs of our own, so that one
 * that was built against an older or a newer header works alike. A plugin stays loaded as
 * long as the process lives, and whoever asks for it again, in the same folders, gets the
 * same one.
 */
#ifndef MAQET_PLUGIN_LOADER_H
#define MAQET_PLUGIN_LOADER_H

#include "core/plugin/folders.h"

/* What both kinds have. */
struct maqet_plugin {
    const char *name;
    char *file;                   /* where it was found */
    struct maqet_option *options; /* our copies of its tables; never NULL */
    void *handle;
    /* In the loader's list of them: */
    const struct maqet_plugin_kind *kind; /* NULL: a stand-in */
    struct maqet_strings folders;         /* those in which it was looked for */
    struct maqet_plugin *next;
};

struct maqet_storage {
    struct maqet_plugin common;
    struct maqet_storage_plugin plugin; /* our copy; what the plugin lacks is NULL */
    struct maqet_snapshot_table
        snapshot; /* our copy; its size is 0 where there is none */
};

struct maqet_iface {
    struct maqet_plugin common;
    struct maqet_iface_plugin plugin;
};

/* The plugin of a name, loaded if need be. NULL on error; where there is none, the error
 * lists the names that there are. */
const struct maqet_storage *maqet_storage_load(const struct maqet_context *context,
                                               const char *name,
                                               struct maqet_error **err);
const struct maqet_iface *maqet_iface_load(const struct maqet_context *context,
                                           const char *name, struct maqet_error **err);

/* Loads one by its file, whose name is to be that plugin's, whether it is loaded or not.
 */
const struct maqet_storage *maqet_storage_load_file(const char *file, const char *name,
                                                    struct maqet_error **err);
const struct maqet_iface *maqet_iface_load_file(const char *file, const char *name,
                                                struct maqet_error **err);

/* What stands for a plugin that can't be loaded: it has its name, is a block device, and
 * can do nothing. */
const struct maqet_storage *maqet_storage_stand_in(const char *name);

#endif
