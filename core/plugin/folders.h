/* SPDX-License-Identifier: MIT */
/*
 * folders.h - the folders in which plugins lie: what their files are called, which one a
 * name means, and who can write there.
 */
#ifndef MAQET_PLUGIN_FOLDERS_H
#define MAQET_PLUGIN_FOLDERS_H

#include "core/base/context.h"
#include "core/base/error.h"

struct maqet_plugin_kind {
    const char *word;   /* for messages */
    const char *one;    /* the same with its article */
    const char *prefix; /* of the file's name */
};

extern const struct maqet_plugin_kind maqet_storage_kind, maqet_iface_kind;

/* Whether a word may name a plugin: [a-z0-9][a-z0-9-]*. */
bool maqet_plugin_name_valid(const char *name);

/* The name that a file has as a plugin, and its kind; NULL: it is not named like one. The
 * caller frees. */
char *maqet_plugin_name_of(const char *path, bool *is_iface);

/* The same, for a file that must be named like one. NULL: an error. */
char *maqet_plugin_valid_name_of(const char *path, bool *is_iface,
                                 struct maqet_error **err);

/* The paths of all files in the folders that are named like plugins, in the order in
 * which they are looked for: of two plugins of one name the first counts. */
void maqet_plugin_files(const struct maqet_context *context, struct maqet_strings *paths);

/* The names of all plugins of a kind that lie in the folders, loadable or not, sorted. */
void maqet_plugin_names(const struct maqet_context *context,
                        const struct maqet_plugin_kind *kind,
                        struct maqet_strings *names);

/* The file of a plugin; the caller frees. NULL on error, which lists the names there are.
 */
char *maqet_plugin_find(const struct maqet_context *context,
                        const struct maqet_plugin_kind *kind, const char *name,
                        struct maqet_error **err);

/* Checks that @file, and @real, which it may be a link to, lie where only root and the
 * user can write: whoever else could would run code as the user. */
int maqet_plugin_check_place(const char *file, const char *real,
                             struct maqet_error **err);

#endif
