/* SPDX-License-Identifier: MIT */
#include "core/machine/schema_options.h"

#include <string.h>

#include "core/base/json.h"
#include "core/config/options.h"
#include "core/plugin/describe.h"

static json_object *
text(const char *value)
{
    return json_object_new_string(value);
}

json_object *
maqet_schema_parse(const char *json)
{
    return json_tokener_parse(json);
}

void
maqet_schema_add_names(json_object *names, json_object *list, const char *which)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!which || json_object_get_boolean(json_object_object_get(item, which)))
            json_object_array_add(names, text(maqet_json_text(item, "name")));
    }
}

/* The scalars of each type; null means absent. */
static const struct {
    const char *type, *schema;
} scalars[] = {
    {"string", "{'type': ['string', 'number', 'boolean', 'null']}"},
    {"path", "{'type': ['string', 'number', 'boolean', 'null'], "
             "'minLength': 1}"},
    {"secret", "{'type': ['string', 'number', 'boolean', 'null'], 'minLength': 1, "
               "'maxLength': 4095, 'pattern': '^[^\\\\x00-\\\\x1f\\\\x7f]*$'}"},
    {"size", "{'type': ['string', 'integer', 'null'], 'minimum': 0, 'pattern': "
             "'^(0[xX][0-9a-fA-F]+|[0-9]+[bB]?|"
             "[0-9]+([.][0-9]+)?[kKmMgGtTpPeE]([iI]?[bB])?)$'}"},
    {"int", "{'type': ['string', 'integer', 'null'], "
            "'pattern': '^-?(0[xX][0-9a-fA-F]+|[0-9]+)$'}"},
    {"bool", "{'type': ['string', 'boolean', 'null'], 'pattern': "
             "'^([oO][nN]|[oO][fF][fF]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|"
             "[yY][eE][sS]|[nN][oO])$'}"},
    {"mode", "{'type': ['string', 'integer', 'null'], 'minimum': 0, "
             "'pattern': '^(0o)?[0-7]+$'}"},
};

/* Some of the words, to a reader of YAML, are numbers or booleans. */
static json_object *
choice(json_object *words)
{
    json_object *list = json_object_new_array();
    bool truth = false, ignored;

    for (size_t i = 0; i < json_object_array_length(words); i++) {
        json_object *word = json_object_array_get_idx(words, i);
        _cleanup_json_ json_object *value =
            maqet_schema_parse(json_object_get_string(word));

        truth = truth || maqet_parse_bool(json_object_get_string(word), &ignored);
        json_object_array_add(list, json_object_get(word));
        if (json_object_is_type(value, json_type_int) ||
            json_object_is_type(value, json_type_double))
            json_object_array_add(list, TAKE_PTR(value));
    }
    if (truth) {
        json_object_array_add(list, json_object_new_boolean(true));
        json_object_array_add(list, json_object_new_boolean(false));
    }
    json_object_array_add(list, NULL);
    return maqet_json_object("enum", list, NULL);
}

json_object *
maqet_schema_required(json_object *options)
{
    json_object *list = json_object_new_array();

    maqet_schema_add_names(list, options, "required");
    if (json_object_array_length(list) > 0)
        return list;
    json_object_put(list);
    return NULL;
}

json_object *
maqet_schema_mapping(json_object *options)
{
    return maqet_json_object("type", maqet_schema_parse("['object', 'null']"),
                             "properties", maqet_schema_properties(options),
                             "additionalProperties", json_object_new_boolean(false),
                             "required", maqet_schema_required(options), NULL);
}

/* Adds the limits of a number; texts that a reader does not take for one are not checked
 * against them. */
static void
add_limits(json_object *schema, json_object *option)
{
    static const char *const limits[] = {"minimum", "maximum"};
    json_object *value;

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        if (json_object_object_get_ex(option, limits[i], &value) && value)
            json_object_object_add(schema, limits[i], json_object_get(value));
}

/* What a value of @type, that of the option or of its items, may be. */
static json_object *
schema_of_type(json_object *option, const char *type)
{
    json_object *schema = NULL;

    if (strcmp(type, "choice") == 0)
        return choice(json_object_object_get(option, "choices"));
    if (strcmp(type, "map") == 0)
        return maqet_schema_mapping(json_object_object_get(option, "options"));
    for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
        if (strcmp(type, scalars[i].type) == 0)
            schema = maqet_schema_parse(scalars[i].schema);
    add_limits(schema, option);
    return schema;
}

/* A list, whose items are not null, or a single value. */
static json_object *
list_schema(json_object *option)
{
    const char *type = maqet_json_text(option, "items");
    bool required = json_object_get_boolean(json_object_object_get(option, "required"));
    json_object *ways = json_object_new_array(), *both = json_object_new_array();

    json_object_array_add(both, schema_of_type(option, type));
    json_object_array_add(both, maqet_schema_parse("{'not': {'type': 'null'}}"));
    json_object_array_add(
        ways, maqet_json_object("type", text("array"), "items",
                                maqet_json_object("allOf", both, NULL), "minItems",
                                required ? json_object_new_int(1) : NULL, NULL));
    json_object_array_add(ways, schema_of_type(option, type));
    return maqet_json_object("anyOf", ways, NULL);
}

json_object *
maqet_schema_option(json_object *option)
{
    const char *type = maqet_json_text(option, "type");

    return strcmp(type, "list") == 0 ? list_schema(option) : schema_of_type(option, type);
}

json_object *
maqet_schema_properties(json_object *options)
{
    static const char *const copied[][2] = {{"help", "description"},
                                            {"fallback", "default"}};
    json_object *properties = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(options); i++) {
        json_object *option = json_object_array_get_idx(options, i);
        json_object *schema = maqet_schema_option(option), *value;

        for (size_t j = 0; j < sizeof(copied) / sizeof(*copied); j++)
            if (json_object_object_get_ex(option, copied[j][0], &value) && value)
                json_object_object_add(schema, copied[j][1], json_object_get(value));
        json_object_object_add(properties, maqet_json_text(option, "name"), schema);
    }
    return properties;
}

json_object *
maqet_schema_of_table(const struct maqet_option *table)
{
    _cleanup_json_ json_object *options = maqet_options_describe(table);

    return maqet_schema_properties(options);
}
