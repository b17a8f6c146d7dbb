/* SPDX-License-Identifier: MIT */
/*
 * tree.h - the one tree of configuration: json-c objects, with the file, line and column
 * of every key, value and item kept beside them (as user data of their container).
 *
 * Mappings are json objects, sequences are json arrays, every scalar is a json string
 * with the text exactly as it was written ("on" stays "on", "0755" stays "0755"), and an
 * empty or `null` scalar is json's null. What a text means is decided where it is used,
 * by an option table.
 */
#ifndef MAQET_CONFIG_TREE_H
#define MAQET_CONFIG_TREE_H

#include "core/base/error.h"

/* What many places have in common: the file, and where relative paths in it start. */
struct maqet_source;

/* Where something was written. The strings live as long as the container that holds it.
 */
struct maqet_place {
    /* As the user named it, for messages; "-" is standard input, "--set ..." stood on the
     * command line. NULL: not known. */
    const char *file;
    const char *folder;          /* absolute; relative paths in this file start here */
    unsigned line;               /* from 1 */
    unsigned column;             /* from 1 */
    struct maqet_source *source; /* that has these strings; NULL: there is none */
};

/* A source, which containers share that are placed in it. Its maker puts it. */
struct maqet_source *maqet_source_new(const char *file, const char *folder);
void maqet_source_put(struct maqet_source *source); /* may be NULL */

/* A place in it. */
struct maqet_place maqet_source_place(struct maqet_source *source, unsigned line,
                                      unsigned column);

/* A new, empty container that begins at @place (whose strings are copied). */
json_object *maqet_tree_mapping(struct maqet_place place);
json_object *maqet_tree_sequence(struct maqet_place place);

/* Puts a value (taken) into a container; replaces what the key had. */
void maqet_tree_set(json_object *mapping, const char *key, json_object *value,
                    struct maqet_place of_key, struct maqet_place of_value);
void maqet_tree_append(json_object *sequence, json_object *value,
                       struct maqet_place place);

/* Where a container begins, where a key stands, where its value or an item begins. What
 * was never placed has the place of its container. */
struct maqet_place maqet_tree_place(json_object *container);
struct maqet_place maqet_tree_place_of_key(json_object *mapping, const char *key);
struct maqet_place maqet_tree_place_of_value(json_object *mapping, const char *key);
struct maqet_place maqet_tree_place_of_item(json_object *sequence, size_t index);

/* A deep copy, places included (json_object_deep_copy() fails with a tree). */
json_object *maqet_tree_copy(json_object *tree);

/* The text of a mapping's scalar; NULL when it is absent, null, or no scalar. */
const char *maqet_tree_text(json_object *mapping, const char *key);

/* Whether it is a mapping or a sequence. */
bool maqet_tree_is_container(json_object *value);

/* "a mapping", "a list" or "a text", for messages. */
const char *maqet_tree_kind(json_object *value);

/* "vm.yaml:12:9", the name alone without lines, or "". The caller frees. */
char *maqet_place_text(struct maqet_place place);

/* Sets an error whose message begins with the place: "vm.yaml:12:9: ...". Returns -1. */
int maqet_place_error(struct maqet_place place, struct maqet_error **err,
                      enum maqet_error_code code, const char *format, ...)
    MAQET_PRINTF(4, 5);
#define maqet_place_invalid(place, err, ...)                                             \
    maqet_place_error((place), (err), MAQET_ERROR_INVALID, __VA_ARGS__)

#endif
