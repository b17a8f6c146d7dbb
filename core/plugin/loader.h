/* SPDX-License-Identifier: MIT */
/*
 * loader.h - plugins: found by name, opened, checked, and copied into structs of our own,
 * so that one that was built against an older or a newer header works alike.
 */
#ifndef MAQET_PLUGIN_LOADER_H
#define MAQET_PLUGIN_LOADER_H

#include "core/base/context.h"
#include "core/base/error.h"

/* A loaded plugin. It stays loaded until the last of its users has let go of it. */
struct maqet_storage {
    struct maqet_storage_plugin plugin; /* our copy; what the plugin lacks is NULL */
    void *handle;
    struct maqet_snapshot_table
        snapshot;                 /* our copy; its size is 0 where there is none */
    struct maqet_option *options; /* our copies of its tables; never NULL */
    char *file;                   /* where it was found */
};

struct maqet_iface {
    struct maqet_iface_plugin plugin;
    void *handle;
    struct maqet_option *options;
    char *file;
};

/* Loads a plugin by its name. NULL on error; the error lists the names that there are. */
struct maqet_storage *maqet_storage_load(const struct maqet_context *context,
                                         const char *name, struct maqet_error **err);
void maqet_storage_unload(struct maqet_storage *storage);

/* What stands for a plugin that can't be loaded: it has its name, is a block device, and
 * can do nothing. */
struct maqet_storage *maqet_storage_stand_in(const char *name);

struct maqet_iface *maqet_iface_load(const struct maqet_context *context,
                                     const char *name, struct maqet_error **err);
void maqet_iface_unload(struct maqet_iface *iface);

/* The same for one by its file, whose name is to be that plugin's. */
struct maqet_storage *maqet_storage_load_file(const char *file, const char *name,
                                              struct maqet_error **err);
struct maqet_iface *maqet_iface_load_file(const char *file, const char *name,
                                          struct maqet_error **err);

/* The paths of all files in the folders that are named like plugins, in the order in
 * which they are looked for: of two plugins of one name the first counts. */
void maqet_plugin_files(const struct maqet_context *context, struct maqet_strings *paths);

/* The name that a file has as a plugin, and its kind; NULL: it is not named like one. The
 * caller frees. */
char *maqet_plugin_name_of(const char *path, bool *is_iface);

/* The names of all storage plugins that lie in the folders, loadable or not, sorted. */
void maqet_storage_names(const struct maqet_context *context,
                         struct maqet_strings *names);

/* Whether a word may name a plugin: [a-z0-9][a-z0-9-]*. */
bool maqet_plugin_name_valid(const char *name);

#endif
