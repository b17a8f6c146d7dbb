/* SPDX-License-Identifier: MIT */
/*
 * argument_list.h - the user's own arguments, one after the other, each value in QEMU's
 * own syntax: for those who look into them. A text, a mapping and JSON in a text become
 * the same.
 */
#ifndef MAQET_QEMU_ARGUMENT_LIST_H
#define MAQET_QEMU_ARGUMENT_LIST_H

#include "core/config/tree.h"

struct maqet_argument {
    const char *name;     /* of the option, without dashes; the tree's */
    json_object *written; /* the tree's; NULL: no value */
    char *value;          /* "key=value,key=value"; NULL: none */
    struct maqet_place place;
};

struct maqet_argument_list {
    struct maqet_argument *items;
    size_t count;
};

/* Reads the `arguments` list of the tree (NULL: none), which was checked, and lives
 * longer than what is returned. */
struct maqet_argument_list maqet_argument_list_read(json_object *list);
void maqet_argument_list_clear(struct maqet_argument_list *arguments);

#define _cleanup_argument_list_ _cleanup_(maqet_argument_list_clear)

bool maqet_argument_is(const struct maqet_argument *argument, const char *name);
bool maqet_argument_is_one_of(const struct maqet_argument *argument,
                              const char *const *names); /* NULL ends them */

/* Whether the whole value is an image, as of -hda. */
bool maqet_argument_is_image(const struct maqet_argument *argument);

/* Whether it is of a type: "socket" of "socket,id=a" or of "id=a,backend=socket", where
 * @key is "backend". */
bool maqet_argument_is_of(const struct maqet_argument *argument, const char *key,
                          const char *type);

/* Whether a property without a value of its own is there, such as "socket" of
 * "socket,id=a"; or one that is on. */
bool maqet_argument_is_on(const struct maqet_argument *argument, const char *key);

/* A property; NULL: it has none. The caller frees. */
char *maqet_argument_property(const struct maqet_argument *argument, const char *key);

/* The first of these that it has. NULL ends the list. The caller frees. */
char *maqet_argument_first(const struct maqet_argument *argument,
                           const char *const *keys);

/* Whether a property is @wanted. */
bool maqet_argument_has(const struct maqet_argument *argument, const char *key,
                        const char *wanted);

/* The option @name whose @id is what the property @key of the argument says, as -chardev of
 * chardev=ID; NULL: there is none. */
const struct maqet_argument *
maqet_argument_list_named(const struct maqet_argument_list *arguments,
                          const struct maqet_argument *argument, const char *key,
                          const char *name, const char *id);

#endif
