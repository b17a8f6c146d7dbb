/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - the user's own QEMU arguments: the `arguments` list of the tree.
 *
 * An item is an option's name ("enable-kvm", with or without dashes), or a mapping of
 * options to values. Texts are passed to QEMU as they are; null is no value; a mapping
 * becomes "key=value,key=value" (keyval.h).
 *
 * Relative paths start at the folder of the YAML file: the whole value of -kernel and the
 * like, and in a mapping the properties that are paths, such as `file` of -drive. Paths
 * within a text in QEMU's own syntax ("file=a.img,if=none") stay as they are.
 */
#ifndef MAQET_QEMU_ARGUMENTS_H
#define MAQET_QEMU_ARGUMENTS_H

#include "core/config/tree.h"
#include "core/qemu/qemu_options.h"

/* Checks the form of the list (NULL: none), and makes the paths in the tree absolute.
 * argument_check.h checks whether the options themselves are allowed. */
int maqet_arguments_check(json_object *list, struct maqet_error **err);

/* Appends the list, which was checked, to a command line. */
void maqet_arguments_render(json_object *list, struct maqet_strings *argv);

/* Whether an option (without its dash; "machine" stands for -M, too) is in the list. */
bool maqet_arguments_has(json_object *list, const char *option);

/*
 * A property of an option: "accel" of "q35,accel=tcg" is "tcg". @implied is the property
 * that a first word without '=' sets ("type" for -machine). If the option is repeated, the
 * last one that has the property counts. NULL: not there. The caller frees.
 */
char *maqet_arguments_property(json_object *list, const char *option, const char *implied,
                               const char *property);

/* Whether the list sets the accelerator: -accel, -enable-kvm, -machine accel=. */
bool maqet_arguments_say_accel(json_object *list);

/* Whether the list sets the display: -display, -nographic, -vnc, ... */
bool maqet_arguments_say_display(json_object *list);

/* Whether the list sets the network: -netdev, -nic, -net. */
bool maqet_arguments_say_network(json_object *list);

/* ---- the options one by one ---- */

/* The name of an option: QEMU takes one dash or two, and -M is -machine. */
const char *maqet_argument_name(const char *written);

/* An option, with its value in QEMU's own syntax, whether it was written as a text, as a
 * mapping, or as JSON in a text. */
struct maqet_argument {
    const char *name; /* of the option, without dashes; the tree's */
    const struct maqet_qemu_option *known;
    json_object *written; /* the tree's; NULL: no value */
    char *value;          /* "key=value,key=value"; NULL: none */
    struct maqet_place place;
};

struct maqet_argument_list {
    struct maqet_argument *items;
    size_t count;
};

/* Reads the `arguments` list of the tree (NULL: none), which was checked, and must outlive
 * the result. */
struct maqet_argument_list maqet_argument_list_read(json_object *list);
void maqet_argument_list_clear(struct maqet_argument_list *arguments);

#define _cleanup_argument_list_ _cleanup_(maqet_argument_list_clear)

bool maqet_argument_is(const struct maqet_argument *argument, const char *name);

/* The option @name whose property @id is the value of the argument's property @key, such as
 * the -chardev that chardev=ID refers to; NULL: there is none. */
const struct maqet_argument *
maqet_argument_list_named(const struct maqet_argument_list *arguments,
                          const struct maqet_argument *argument, const char *key,
                          const char *name, const char *id);

#endif
