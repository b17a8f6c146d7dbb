/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - the user's own QEMU arguments: the `arguments` list of the tree.
 *
 * An item is an option's name ("enable-kvm", with or without dashes), or a mapping of
 * options to values. A value that is a text goes to QEMU as it was written; null is no
 * value; a mapping becomes "key=value,key=value" (keyval.h).
 *
 * Where QEMU wants a path, a relative one starts at the folder of the YAML file: the
 * whole value of -kernel and its like, and in a mapping the properties that are paths,
 * such as `file` of -drive. A text in QEMU's own syntax ("file=a.img,if=none") is never
 * looked into.
 */
#ifndef MAQET_QEMU_ARGUMENTS_H
#define MAQET_QEMU_ARGUMENTS_H

#include "core/config/tree.h"

/* Checks the form of the list (NULL: none), and makes the paths in it absolute, in the
 * tree. Whether QEMU may have all that is for argument_check.h to say. */
int maqet_arguments_check(json_object *list, struct maqet_error **err);

/* Appends the list to a command line. It was checked. */
void maqet_arguments_render(json_object *list, struct maqet_strings *argv);

/* Whether an option (without its dash; "machine" means -M too) is in the list. */
bool maqet_arguments_has(json_object *list, const char *option);

/*
 * A property of an option's value: @property "accel" of "q35,accel=tcg" is "tcg".
 * @implied is the property that the first word has when it bears no name ("type" for
 * -machine). Of several such options the last one that has the property counts. NULL: not
 * there. The caller frees.
 */
char *maqet_arguments_property(json_object *list, const char *option, const char *implied,
                               const char *property);

/* Whether the list says what runs the guest's code: -accel, -enable-kvm, -machine accel=.
 */
bool maqet_arguments_say_accel(json_object *list);

/* Whether the list says where the guest's screen goes: -display, -nographic, -vnc, ... */
bool maqet_arguments_say_display(json_object *list);

/* ---- for those who look into them ---- */

/* An option with its value in QEMU's own syntax: a text, a mapping and JSON in a text
 * become the same. */
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

/* Whether the whole value is an image, as of -hda. */
bool maqet_argument_is_image(const struct maqet_argument *argument);

/* Whether it is a drive or a node that is read-only, or a CD-ROM. */
bool maqet_argument_is_readonly(const struct maqet_argument *argument);

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
