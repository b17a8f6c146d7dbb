/* SPDX-License-Identifier: MIT */
/*
 * folders.h - the folders of plugins: the names of files, the file of a name, and who can
 * write there.
 */
#ifndef MAQET_PLUGIN_FOLDERS_H
#define MAQET_PLUGIN_FOLDERS_H

#include "core/base/context.h"
#include "core/base/error.h"

struct maqet_plugin_kind {
    const char *word;   /* for messages */
    const char *prefix; /* of the file's name */
};

extern const struct maqet_plugin_kind maqet_storage_kind, maqet_iface_kind;

/* Whether a word may name a plugin: [a-z0-9][a-z0-9-]*. */
bool maqet_plugin_name_valid(const char *name);

/* The plugin's name and kind by the name of its file; NULL: it is not named like one. The
 * caller frees. */
char *maqet_plugin_name_of(const char *path, bool *is_iface);

/* The same; NULL is an error, also if the name is invalid. */
char *maqet_plugin_valid_name_of(const char *path, bool *is_iface,
                                 struct maqet_error **err);

/* The paths of all files that are named like plugins, in the order in which they are
 * searched: the first of a name counts. */
void maqet_plugin_files(const struct maqet_context *context, struct maqet_strings *paths);

/* Adds the names of all plugins of a kind, loadable or not, and sorts. */
void maqet_plugin_names(const struct maqet_context *context,
                        const struct maqet_plugin_kind *kind,
                        struct maqet_strings *names);

/* The file of a plugin; the caller frees. NULL on error, which lists all names. */
char *maqet_plugin_find(const struct maqet_context *context,
                        const struct maqet_plugin_kind *kind, const char *name,
                        struct maqet_error **err);

/* Checks that only root and the user can write to @file, its target @real, and their
 * folders: anybody else who can could run code as the user. */
int maqet_plugin_check_place(const char *file, const char *real,
                             struct maqet_error **err);

#endif
