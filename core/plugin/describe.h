/* SPDX-License-Identifier: MIT */
/*
 * describe.h - descriptions of plugins, which are loaded in a child, since one may crash.
 */
#ifndef MAQET_PLUGIN_DESCRIBE_H
#define MAQET_PLUGIN_DESCRIBE_H

#include "core/base/context.h"
#include "core/base/field.h"

struct maqet_plugin_option {
    char *name;
    char *type;
    char *items; /* of a list: the type of its items */
    bool required;
    char *fallback;
    char *help;
    bool is_choice;
    struct maqet_strings choices;
    bool has_minimum;
    int64_t minimum;
    bool has_maximum;
    int64_t maximum;
    bool is_map; /* or a list of maps */
    struct maqet_plugin_option *options;
    size_t option_count;
};

struct maqet_plugin_info {
    char *name;
    char *kind; /* "storage" or "interface" */
    char *summary;
    char *version, *author, *url; /* NULL: it does not say */
    bool loads; /* otherwise abi, options and capabilities are not known */
    int abi;
    char *file;
    struct maqet_plugin_option *options;
    size_t option_count;
    struct maqet_strings media; /* "disk", "cdrom" */
    char *interface;            /* of a storage, like the next ones; NULL: none */
    char *format;
    char *path_option;
    char *size_option;
    char *readonly_option;
    char *creation; /* "never", "once", "each-start" */
    struct maqet_strings capabilities;
    char *state; /* "loads"; "refused" with a reason; "shadowed" by one of that name in an
                  * earlier folder */
    char *reason;
};

struct maqet_plugin_list {
    struct maqet_plugin_info *items;
    size_t count;
};

/* The fields in a list of all plugins, which have a state, and those of a single one. */
extern const struct maqet_fields maqet_listed_plugin_fields, maqet_plugin_fields;

/* All plugins, in the order in which the folders are searched. */
void maqet_plugin_list_all(const struct maqet_context *context,
                           struct maqet_plugin_list *list);

/* The storage or interface plugin of that name, or both. Returns -1 if there is none (the
 * hint has the closest name), or it is refused. */
int maqet_plugin_list_named(const struct maqet_context *context, const char *name,
                            struct maqet_plugin_list *list, struct maqet_error **err);
/* Whether it is a usable plugin of a kind ("storage" or "interface"). For hints at other
 * plugins than those that a command needs: it must not load these itself, since one may
 * crash. */
bool maqet_plugin_is_usable(const struct maqet_plugin_info *info, const char *kind);
void maqet_plugin_list_clear(struct maqet_plugin_list *list);

#define _cleanup_plugin_list_ _cleanup_(maqet_plugin_list_clear)

/* A table of options as a JSON list of objects. The caller puts it. */
json_object *maqet_options_describe(const struct maqet_option *table);

#endif
