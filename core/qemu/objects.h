/* SPDX-License-Identifier: MIT */
/*
 * objects.h - what QEMU is made of, besides the user's own arguments: what plugins append
 * (maqet_args_blockdev and the like in maqet-plugin.h), and maqet's own devices and
 * options. Properties are typed; a command line is made of them, or commands for QEMU's
 * monitor (core/qemu/hotplug.h). Actions of a plugin (maqet_actions_add) are such commands,
 * for a drive that QEMU has open.
 *
 * A number in a dotted key is a place in a list, as in QEMU's own dotted keys:
 * "server.0.host", "server.1.host".
 */
#ifndef MAQET_QEMU_OBJECTS_H
#define MAQET_QEMU_OBJECTS_H

#include "core/base/error.h"

/* One of QEMU's options that make something. */
struct maqet_object_kind {
    const char *option;   /* NULL: several have this form */
    const char *type_key; /* the property that says which object it is, or NULL; in
                           * key=value it is the first word, alone */
    const char *id_key;   /* NULL: it has no id */
    size_t id_limit;      /* in bytes; 0: none */
    bool takes_json;
    const char *add;    /* the monitor's commands that add and remove one; NULL: there */
    const char *remove; /* are none */
};

extern const struct maqet_object_kind maqet_kind_object, maqet_kind_blockdev,
    maqet_kind_device, maqet_kind_chardev;

/* An object, as it was appended. */
struct maqet_props {
    struct maqet_args *args;
    const struct maqet_object_kind *kind;
    const char *option; /* the kind's, or that of a kind that is for several */
    char *id;           /* "": it has none */
    json_object *json;  /* its properties; of an option with a plain value that text, and
                        * NULL without a value */
};

struct maqet_args {
    struct maqet_props **objects; /* in the order in which they were appended */
    size_t count;
    /*
     * What a plugin did wrong first, as a sentence that names the object, or NULL: a key
     * that is set twice or is malformed, a malformed or overlong id, two objects of one
     * kind with the same id, a text that JSON can't carry (it is no UTF-8).
     */
    char *fault;
    bool shares_memory;       /* another process must be able to map the guest's memory */
    struct maqet_strings ids; /* that are taken, each behind its kind's option */
};

struct maqet_args *maqet_args_new(void);
void maqet_args_cleanup(struct maqet_args **args);

#define _cleanup_args_ _cleanup_(maqet_args_cleanup)

/* Whether QEMU's JSON reader takes a text: it is UTF-8 without noncharacters. */
bool maqet_json_carries(const char *text);

/* ---- what plugins can't append ---- */

/* Appends an object of that kind. @type: NULL where the kind has none. @id: NULL: QEMU
 * makes one up. */
struct maqet_props *maqet_args_append(struct maqet_args *args,
                                      const struct maqet_object_kind *kind,
                                      const char *type, const char *id);

/* An option in key=value that makes no object, such as "-machine". @first is its first
 * word, that bears no key; NULL: there is none. @option is not copied. */
struct maqet_props *maqet_args_settings(struct maqet_args *args, const char *option,
                                        const char *first);

/* An option whose value is a text as it stands ("-m"), or that has none (NULL). */
void maqet_args_option(struct maqet_args *args, const char *option, const char *value);

/* Appends a drive whose content a server offers at a unix socket (NBD), and of which the
 * guest writes to a copy that nobody ever sees again (QEMU: `snapshot=on`). */
void maqet_args_scratch(struct maqet_args *args, const char *id, const char *socket);

/* ---- actions ---- */

/* Each has its command as its id. */
struct maqet_actions {
    struct maqet_args args;
};

struct maqet_actions *maqet_actions_new(void);
void maqet_actions_cleanup(struct maqet_actions **actions);

#define _cleanup_actions_ _cleanup_(maqet_actions_cleanup)

/* All of them as the arguments of QEMU's `transaction`; the caller puts it. */
json_object *maqet_actions_transaction(const struct maqet_actions *actions);

/* ---- command lines ---- */

/* Appends the objects to a command line, in the order in which they were appended: JSON
 * where the option takes it, else key=value with doubled commas. */
void maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv);

/* The same in key=value alone. maqet's own devices are rendered so, since checkpoints
 * remember the command line, and those of earlier maqets are to fit. */
void maqet_args_render_keyval(const struct maqet_args *args, struct maqet_strings *argv);

/*
 * Appends what qemu-img takes for the image that a node of this name is: its objects, and
 * the node as a "json:" name. False: there is no such node.
 */
bool maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                             struct maqet_strings *argv);

#endif
