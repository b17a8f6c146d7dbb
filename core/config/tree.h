/* SPDX-License-Identifier: MIT */
/*
 * tree.h - the tree of the configuration: json-c objects, with the file, line and column of
 * every key, value and item (as user data of their container).
 *
 * A mapping is a JSON object, a sequence is an array, and a scalar is a string with the
 * text as it was written ("on" stays "on", "0755" stays "0755"), or null if it is empty or
 * `null`. An option table decides what a text means.
 */
#ifndef MAQET_CONFIG_TREE_H
#define MAQET_CONFIG_TREE_H

#include "core/base/error.h"

/* What many places share: the file, and the folder for relative paths. */
struct maqet_source;

/* Where something was written. The strings live as long as its container. */
struct maqet_place {
    /* As the user named it; "-" is standard input, "--set ..." a part of the command line,
     * MAQET_PLACE_EDITED what was written with `maqet edit`. NULL: not known. */
    const char *file;
    const char *folder;          /* absolute; relative paths start here */
    unsigned line;               /* from 1 */
    unsigned column;             /* from 1 */
    struct maqet_source *source; /* owns these strings; may be NULL */
};

#define MAQET_PLACE_EDITED "--edit"

/* The file of what a command line says, if no option such as "--set" does. */
#define MAQET_COMMAND_LINE "command line"

/* A new source, of which containers in it take references. The caller puts it. */
struct maqet_source *maqet_source_new(const char *file, const char *folder);
void maqet_source_put(struct maqet_source *source); /* may be NULL */

/* A place in a source. */
struct maqet_place maqet_source_place(struct maqet_source *source, unsigned line,
                                      unsigned column);

/* A new, empty container at @place (whose strings are copied). */
json_object *maqet_tree_mapping(struct maqet_place place);
json_object *maqet_tree_sequence(struct maqet_place place);

/* Adds a value (taken) to a container; replaces the key's earlier value. */
void maqet_tree_set(json_object *mapping, const char *key, json_object *value,
                    struct maqet_place of_key, struct maqet_place of_value);
void maqet_tree_append(json_object *sequence, json_object *value,
                       struct maqet_place place);

/* The place of a container, a key, its value or an item. One without a place has that of
 * its container. */
struct maqet_place maqet_tree_place(json_object *container);
struct maqet_place maqet_tree_place_of_key(json_object *mapping, const char *key);
struct maqet_place maqet_tree_place_of_value(json_object *mapping, const char *key);
struct maqet_place maqet_tree_place_of_item(json_object *sequence, size_t index);

/* A deep copy, places included (json_object_deep_copy() fails with a tree). */
json_object *maqet_tree_copy(json_object *tree);

/* The text of a key; NULL if it is absent, null, or a container. */
const char *maqet_tree_text(json_object *mapping, const char *key);

/* Whether it is a mapping or a sequence. */
bool maqet_tree_is_container(json_object *value);

/* "a mapping", "a list" or "a text", for messages. */
const char *maqet_tree_kind(json_object *value);

/* The same place without a value, which a "--set KEY=VALUE" contains. *file gets what the
 * result points to; the caller frees. */
struct maqet_place maqet_place_of_secret(struct maqet_place place, char **file);

/* "vm.yaml:12:9", or the name only, or "". The caller frees. */
char *maqet_place_text(struct maqet_place place);

/* Sets an error whose message begins with the place: "vm.yaml:12:9: ...". Returns -1. */
int maqet_place_error(struct maqet_place place, struct maqet_error **err,
                      enum maqet_error_code code, const char *format, ...)
    MAQET_PRINTF(4, 5);
/* The same for an error that is set already; nothing if @place is in no file. Returns -1. */
int maqet_place_wrap(struct maqet_place place, struct maqet_error **err);

#define maqet_place_invalid(place, err, ...)                                             \
    maqet_place_error((place), (err), MAQET_ERROR_INVALID, __VA_ARGS__)

#endif
