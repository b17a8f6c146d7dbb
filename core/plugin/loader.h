/* SPDX-License-Identifier: MIT */
/*
 * loader.h - plugins: opened, checked, and copied into structs of our own, so that those
 * built against an older or a newer header work alike. A plugin stays loaded until the
 * process ends, and is loaded only once for the same folders.
 */
#ifndef MAQET_PLUGIN_LOADER_H
#define MAQET_PLUGIN_LOADER_H

#include "core/plugin/folders.h"

/* What both kinds have. */
struct maqet_plugin {
    const char *name;
    const char *summary; /* may be NULL, like the next three */
    const char *version;
    const char *author;
    const char *url;
    char *file;                   /* where it was found */
    struct maqet_option *options; /* our copies of its tables; never NULL */
    void *handle;
    /* In the loader's list: */
    const struct maqet_plugin_kind *kind; /* NULL: a stand-in */
    char *folders; /* in which it was searched for; NULL: it was loaded by its file */
    struct maqet_plugin *next;
};

struct maqet_storage {
    struct maqet_plugin common;
    struct maqet_storage_plugin plugin;   /* our copy; missing members are NULL */
    struct maqet_snapshot_table snapshot; /* our copy; size 0: the plugin has none */
    struct maqet_overlay_table overlay;   /* likewise */
};

struct maqet_iface {
    struct maqet_plugin common;
    struct maqet_iface_plugin plugin;
};

/* The plugin of that name. NULL on error; if there is none, the error lists the names of
 * others. */
const struct maqet_storage *maqet_storage_load(const struct maqet_context *context,
                                               const char *name,
                                               struct maqet_error **err);
const struct maqet_iface *maqet_iface_load(const struct maqet_context *context,
                                           const char *name, struct maqet_error **err);

/* Loads a plugin from a file, even if it is loaded already: the `common` member of a
 * struct maqet_iface, or of a struct maqet_storage. NULL on error. */
const struct maqet_plugin *maqet_plugin_load_file(const char *file, bool *is_iface,
                                                  struct maqet_error **err);

/* Where its author is found, for messages; NULL: it does not say. */
const char *maqet_plugin_contact(const struct maqet_plugin *plugin);

/* A substitute for a plugin that cannot be loaded: a block device of that name without any
 * callbacks. */
const struct maqet_storage *maqet_storage_stand_in(const char *name);

#endif
