/* SPDX-License-Identifier: MIT */
/*
 * objects.h - the objects that QEMU gets besides the user's own arguments: those that
 * plugins append (maqet_args_blockdev and the like in maqet-plugin.h), and maqet's own
 * devices and options. Their properties are typed. They are rendered as a command line, or
 * added to a running QEMU (core/qemu/hotplug.h). Actions of a plugin (maqet_actions_add)
 * are monitor commands for a drive that QEMU has open.
 *
 * A number in a dotted key is an index in a list, as in QEMU's own dotted keys:
 * "server.0.host", "server.1.host".
 */
#ifndef MAQET_QEMU_OBJECTS_H
#define MAQET_QEMU_OBJECTS_H

#include "core/base/error.h"

/* A kind of object: an option of QEMU that creates one. */
struct maqet_object_kind {
    const char *option;   /* NULL: several options have this form */
    const char *type_key; /* the property with the object's type; in key=value the first
                           * word is its value. NULL: there is none */
    const char *id_key;   /* NULL: it has no id */
    size_t id_limit;      /* in bytes; 0: none */
    bool takes_json;
    const char *add; /* the monitor's commands that add one and remove it; NULL: there */
    const char *remove; /* are none */
};

extern const struct maqet_object_kind maqet_kind_object, maqet_kind_blockdev,
    maqet_kind_device, maqet_kind_chardev;

/* An object. */
struct maqet_props {
    struct maqet_args *args;
    const struct maqet_object_kind *kind;
    const char *option; /* with its dash */
    char *id;           /* "": none */
    json_object *json;  /* its properties; or the option's value, a text; NULL: none */
    bool takes_address; /* of the machine's PCI bus: addresses.h */
    bool hot;           /* it can be added to a QEMU that runs, and removed */
};

struct maqet_args {
    struct maqet_props **objects; /* in the order in which they were appended */
    size_t count;
    /*
     * The first mistake of a plugin, as a sentence that names the object, or NULL: a key
     * that is set twice or is malformed, an id that is malformed, too long, or used for
     * two objects of a kind, a text that JSON cannot contain (it is not UTF-8).
     */
    char *fault;
    size_t bytes;       /* roughly what the objects take; too many are a mistake, too */
    bool shares_memory; /* another process must be able to map the guest's memory */
    struct maqet_strings ids; /* in use, each preceded by the kind's option */
};

struct maqet_args *maqet_args_new(void);
void maqet_args_cleanup(struct maqet_args **args);

#define _cleanup_args_ _cleanup_(maqet_args_cleanup)

/* Whether QEMU's JSON parser accepts a text: it is UTF-8 without noncharacters. */
bool maqet_json_carries(const char *text);

/* ---- what plugins can't append ---- */

/* Appends an object. @type: NULL if the kind has none. @id: NULL: QEMU generates one. */
struct maqet_props *maqet_args_append(struct maqet_args *args,
                                      const struct maqet_object_kind *kind,
                                      const char *type, const char *id);

/* Appends an option in key=value that creates no object, such as "-machine". @first is a
 * first word without a key; NULL: none. @option is not copied. */
struct maqet_props *maqet_args_settings(struct maqet_args *args, const char *option,
                                        const char *first);

/* Appends an option whose value is any text ("-m"), or that has none (NULL). */
void maqet_args_option(struct maqet_args *args, const char *option, const char *value);

/* Moves what -object creates before everything else, as QEMU does with a command line: nodes
 * refer to their secrets and throttle groups. */
void maqet_args_objects_first(struct maqet_args *args);

/* Appends a drive with the content of an image, which is only read: QEMU discards what the guest
 * writes to it (`snapshot=on`). @image: as of maqet_args_render_image(), options for its objects
 * and then its "json:" name, whose driver keeps QEMU from probing the guest's data for a format. */
void maqet_args_scratch(struct maqet_args *args, const char *id,
                        const struct maqet_strings *image);

/* ---- actions ---- */

/* The id of each is its command. */
struct maqet_actions {
    struct maqet_args args;
};

struct maqet_actions *maqet_actions_new(void);
void maqet_actions_cleanup(struct maqet_actions **actions);

#define _cleanup_actions_ _cleanup_(maqet_actions_cleanup)

/* All of them as the arguments of QEMU's `transaction`; the caller puts it. */
json_object *maqet_actions_transaction(const struct maqet_actions *actions);

/* ---- command lines ---- */

/* Appends the objects to a command line, in their order: as JSON where the option takes it,
 * otherwise in key=value. */
void maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv);

/* The same in key=value only, for maqet's own devices: checkpoints record the command line,
 * and those of earlier versions of maqet must still match. */
void maqet_args_render_keyval(const struct maqet_args *args, struct maqet_strings *argv);

#endif
