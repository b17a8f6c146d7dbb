/* SPDX-License-Identifier: MIT */
/*
 * describe.h - what a plugin says of itself, as a result. It is asked in a child, so that
 * one that crashes when it is loaded takes nobody down.
 */
#ifndef MAQET_PLUGIN_DESCRIBE_H
#define MAQET_PLUGIN_DESCRIBE_H

#include "core/base/context.h"
#include "core/base/field.h"

struct maqet_plugin_option {
    char *name;
    char *type;
    bool required;
    char *fallback;
    char *help;
    bool is_choice;
    struct maqet_strings choices;
    bool has_minimum;
    int64_t minimum;
    bool has_maximum;
    int64_t maximum;
    bool is_map;
    struct maqet_plugin_option *options;
    size_t option_count;
};

struct maqet_plugin_info {
    char *name;
    char *kind; /* "storage" or "interface" */
    char *summary;
    bool loads; /* only then abi, options and capabilities are known */
    int abi;
    char *file;
    struct maqet_plugin_option *options;
    size_t option_count;
    char *interface;   /* of a storage; NULL: none */
    char *path_option; /* the same */
    struct maqet_strings capabilities;
    char *state; /* "loads"; "refused" with its reason; "shadowed" by one of that name in
                   * an earlier folder */
    char *reason;
};

struct maqet_plugin_list {
    struct maqet_plugin_info *items;
    size_t count;
};

/* Those of all that there are, which have a state; and those of one that is asked for. */
extern const struct maqet_fields maqet_listed_plugin_fields, maqet_plugin_fields;

/* All plugins that lie in the folders, in the order in which these are searched. */
void maqet_plugin_list_all(const struct maqet_context *context,
                           struct maqet_plugin_list *list);

/* The storage and the interface plugin of that name, one or both. An error: there is none
 * (it names the closest one), or it is refused. */
int maqet_plugin_list_named(const struct maqet_context *context, const char *name,
                            struct maqet_plugin_list *list, struct maqet_error **err);
void maqet_plugin_list_clear(struct maqet_plugin_list *list);

#define _cleanup_plugin_list_ _cleanup_(maqet_plugin_list_clear)

/* A table of options as JSON, a list of objects; the caller puts it. */
json_object *maqet_options_describe(const struct maqet_option *table);

#endif
