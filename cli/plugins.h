/* SPDX-License-Identifier: MIT */
/*
 * plugins.h - what plugins say of themselves, as a result.
 */
#ifndef MAQET_CLI_PLUGINS_H
#define MAQET_CLI_PLUGINS_H

#include "core/base/field.h"

struct plugin_option {
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
    struct plugin_option *options;
    size_t option_count;
};

struct plugin {
    char *name;
    char *kind;
    char *summary;
    bool loads; /* all but the file, the state and the reason are of one that does */
    int abi;
    char *file;
    struct plugin_option *options;
    size_t option_count;
    char *interface;
    char *path_option;
    struct maqet_strings capabilities;
    char *state;
    char *reason;
};

struct plugins {
    struct plugin *items;
    size_t count;
};

/* Those of a list, which have a state; and those of one that is asked for. */
extern const struct maqet_fields listed_plugin_fields;
extern const struct maqet_fields plugin_fields;

/* Reads what core/plugin/describe.h gives (taken; NULL: there is an error already). The
 * caller clears it. */
int plugins_read(const struct maqet_fields *fields, json_object *list,
                 struct plugins *plugins, struct maqet_error **err);
void plugins_clear(struct plugins *plugins);

#define _cleanup_plugins_ _cleanup_(plugins_clear)

#endif
