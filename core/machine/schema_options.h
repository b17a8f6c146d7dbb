/* SPDX-License-Identifier: MIT */
/*
 * schema_options.h - what a JSON Schema says of option tables: the types of their values.
 * Tables are described as maqet_options_describe() returns them.
 */
#ifndef MAQET_MACHINE_SCHEMA_OPTIONS_H
#define MAQET_MACHINE_SCHEMA_OPTIONS_H

#include <json-c/json.h>

#include "core/base/error.h"

/* JSON with ' instead of ". The caller puts it, as all that these functions return. */
json_object *maqet_schema_parse(const char *json);

/* Adds the names of the items of a list, or only of those whose member @which is true. */
void maqet_schema_add_names(json_object *names, json_object *list, const char *which);

/* What a value of an option may be. */
json_object *maqet_schema_option(json_object *option);

/* The options of a table by their names. */
json_object *maqet_schema_properties(json_object *options);
json_object *maqet_schema_of_table(const struct maqet_option *table);

/* The names of the required options; NULL: none. */
json_object *maqet_schema_required(json_object *options);

/* A mapping of these options. */
json_object *maqet_schema_mapping(json_object *options);

#endif
