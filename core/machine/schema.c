/* SPDX-License-Identifier: MIT */
/*
 * schema.c - see schema.h. For a typed reader of YAML, 20 is a number and, by the older
 * rules, `on` a boolean, while maqet takes every scalar as text. So each type allows
 * everything that a reader may make of a valid text.
 *
 * The keys of a drive depend on two plugins. Each plugin has a definition with the types
 * of its keys; clauses ("if ... then") select those that apply to a drive, and list the
 * allowed names for each pair of plugins.
 */
#include "core/machine/schema.h"

#include <string.h>

#include "core/base/json.h"
#include "core/config/options.h"
#include "core/machine/definition.h"
#include "core/plugin/describe.h"
#include "core/storage/entry.h"

/* ---- building blocks ---- */

static json_object *
text(const char *value)
{
    return json_object_new_string(value);
}

/* JSON with ' instead of ". */
static json_object *
parse(const char *json)
{
    return json_tokener_parse(json);
}

/* Adds the names of the items of a list, or only of those whose member @which is true. */
static void
add_names(json_object *names, json_object *list, const char *which)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!which || json_object_get_boolean(json_object_object_get(item, which)))
            json_object_array_add(names, text(maqet_json_text(item, "name")));
    }
}

/* ---- types ---- */

/* The scalars of each type; null means absent. */
static const struct {
    const char *type, *schema;
} scalars[] = {
    {"string", "{'type': ['string', 'number', 'boolean', 'null']}"},
    {"path", "{'type': ['string', 'number', 'boolean', 'null'], "
             "'minLength': 1}"},
    {"size", "{'type': ['string', 'integer', 'null'], 'minimum': 0, 'pattern': "
             "'^(0[xX][0-9a-fA-F]+|[0-9]+[bBkKmMgGtTpPeE]?|"
             "[0-9]+[.][0-9]+[kKmMgGtTpPeE])$'}"},
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
        _cleanup_json_ json_object *value = parse(json_object_get_string(word));

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

static json_object *properties_of(json_object *options);

/* The names of the required options; NULL: none. */
static json_object *
required_of(json_object *options)
{
    json_object *list = json_object_new_array();

    add_names(list, options, "required");
    if (json_object_array_length(list) > 0)
        return list;
    json_object_put(list);
    return NULL;
}

static json_object *
mapping(json_object *options)
{
    return maqet_json_object("type", parse("['object', 'null']"), "properties",
                             properties_of(options), "additionalProperties",
                             json_object_new_boolean(false), "required",
                             required_of(options), NULL);
}

static json_object *
schema_of(json_object *option)
{
    const char *type = maqet_json_text(option, "type");

    if (strcmp(type, "choice") == 0)
        return choice(json_object_object_get(option, "choices"));
    if (strcmp(type, "map") == 0)
        return mapping(json_object_object_get(option, "options"));
    for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
        if (strcmp(type, scalars[i].type) == 0)
            return parse(scalars[i].schema);
    return json_object_new_object();
}

/* The options of a table, as maqet_options_describe() returns them, by their names. */
static json_object *
properties_of(json_object *options)
{
    static const char *const copied[][2] = {{"help", "description"},
                                            {"fallback", "default"},
                                            {"minimum", "minimum"},
                                            {"maximum", "maximum"}};
    json_object *properties = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(options); i++) {
        json_object *option = json_object_array_get_idx(options, i);
        json_object *schema = schema_of(option), *value;

        for (size_t j = 0; j < sizeof(copied) / sizeof(*copied); j++)
            if (json_object_object_get_ex(option, copied[j][0], &value) && value)
                json_object_object_add(schema, copied[j][1], json_object_get(value));
        json_object_object_add(properties, maqet_json_text(option, "name"), schema);
    }
    return properties;
}

static json_object *
properties_of_table(const struct maqet_option *table)
{
    _cleanup_json_ json_object *options = maqet_options_describe(table);

    return properties_of(options);
}

/* ---- drives ---- */

/* Requires that a key has this value, or, if that is @usual, is absent. */
static void
add_condition(json_object *condition, const char *key, const char *value, bool usual)
{
    json_object_object_add(json_object_object_get(condition, "properties"), key,
                           maqet_json_object("const", text(value), NULL));
    if (!usual)
        json_object_array_add(json_object_object_get(condition, "required"), text(key));
}

/* Adds a clause for the drives of a storage, or only for those on @interface, if that is
 * not NULL. */
static void
add_clause(json_object *clauses, json_object *storage, const char *interface,
           json_object *consequence)
{
    const char *type = maqet_json_text(storage, "name");
    const char *usual = maqet_json_text(storage, "interface");
    json_object *condition = parse("{'properties': {}, 'required': []}");

    add_condition(condition, "type", type, strcmp(type, MAQET_DEFAULT_STORAGE) == 0);
    if (interface)
        add_condition(condition, "interface", interface, strcmp(interface, usual) == 0);
    json_object_array_add(clauses,
                          maqet_json_object("if", condition, "then", consequence, NULL));
}

/* A reference to the definition of a plugin. */
static json_object *
reference(const char *kind, json_object *plugin)
{
    _cleanup_free_ char *path =
        maqet_format("#/definitions/%s-%s", kind, maqet_json_text(plugin, "name"));

    return maqet_json_object("$ref", text(path), NULL);
}

/* The keys of a storage that is a file, and their types. The mode lets the owner read and
 * write, and has no further bits. */
static json_object *
file_keys_of(json_object *storage)
{
    _cleanup_json_ json_object *options =
        properties_of(json_object_object_get(storage, "options"));

    if (!maqet_json_text(storage, "path_option") ||
        json_object_object_get_ex(options, "mode", NULL))
        return json_object_new_object();
    json_object *keys = properties_of_table(maqet_drive_file_options);
    json_object_object_add(json_object_object_get(keys, "mode"), "pattern",
                           text("^(0o)?0*[67][0-7][0-7]$"));
    return keys;
}

/* The names that a drive of the storage on the interface (NULL: none) may have. */
static json_object *
pair_of(json_object *storage, json_object *iface)
{
    bool share = !maqet_json_text(storage, "interface");
    _cleanup_json_ json_object *own =
        maqet_options_describe(share ? maqet_share_options : maqet_drive_options);
    json_object *properties = file_keys_of(storage);
    json_object *list = parse("['options']");

    add_names(list, own, NULL);
    add_names(list, json_object_object_get(storage, "options"), NULL);
    add_names(list, json_object_object_get(iface, "options"), NULL);
    json_object_object_foreach(properties, name, type)
    {
        (void)type;
        json_object_array_add(list, text(name));
    }
    json_object *names = maqet_json_object("enum", list, NULL);
    json_object_object_add(properties, "options",
                           maqet_json_object("propertyNames", json_object_get(names),
                                             "properties", file_keys_of(storage), NULL));
    return maqet_json_object("propertyNames", names, "properties", properties, NULL);
}

/* The types of a plugin's keys, beside and below `options`. */
static json_object *
keys_of(json_object *plugin)
{
    json_object *options = json_object_object_get(plugin, "options");
    json_object *required = required_of(options), *ways = NULL;
    json_object *properties = properties_of(options);

    json_object_object_add(properties, "options",
                           maqet_json_object("type", parse("['object', 'null']"),
                                             "properties", properties_of(options), NULL));
    if (required) {
        ways = parse("[{'required': ['options']}]");
        json_object_array_add(ways, maqet_json_object("required", required, NULL));
    }
    return maqet_json_object("properties", properties, "anyOf", ways, NULL);
}

static void
add_storage(json_object *clauses, json_object *storage, json_object *ifaces)
{
    bool share = !maqet_json_text(storage, "interface");

    add_clause(clauses, storage, NULL, reference("storage", storage));
    add_clause(clauses, storage, share ? NULL : "none", pair_of(storage, NULL));
    for (size_t i = 0; !share && i < json_object_array_length(ifaces); i++) {
        json_object *iface = json_object_array_get_idx(ifaces, i);
        const char *name = maqet_json_text(iface, "name");

        add_clause(clauses, storage, name, pair_of(storage, iface));
        add_clause(clauses, storage, name, reference("interface", iface));
    }
}

/* Limits a key to the names of plugins, and to those in @names (taken). */
static void
limit(json_object *properties, const char *key, json_object *plugins, json_object *names)
{
    add_names(names, plugins, NULL);
    json_object_object_add(json_object_object_get(properties, key), "enum", names);
}

static json_object *
drive_schema(json_object *storages, json_object *ifaces)
{
    json_object *properties = properties_of_table(maqet_drive_options);
    json_object *clauses = json_object_new_array();

    limit(properties, "type", storages, parse("[null]"));
    json_object_object_add(json_object_object_get(properties, "type"), "default",
                           text(MAQET_DEFAULT_STORAGE));
    limit(properties, "interface", ifaces, parse("[null, 'none']"));
    for (size_t i = 0; i < json_object_array_length(storages); i++)
        add_storage(clauses, json_object_array_get_idx(storages, i), ifaces);
    return maqet_json_object("type", text("object"), "required", parse("['name']"),
                             "properties", properties, "allOf", clauses, NULL);
}

/* ---- the sandbox ---- */

/* On, off, or a mapping. */
static json_object *
sandbox_schema(void)
{
    _cleanup_json_ json_object *options =
        maqet_options_describe(maqet_definition_sandbox_options);
    _cleanup_json_ json_object *truth = parse("{'type': 'bool'}");
    json_object *ways = json_object_new_array(), *object = mapping(options);
    json_object *properties = json_object_object_get(object, "properties");
    json_object *paths =
        parse("{'type': ['array', 'null'], 'items': {'type': 'string', "
              "'minLength': 1}, 'description': 'paths of files and folders'}");

    json_object_object_add(properties, "read", json_object_get(paths));
    json_object_object_add(properties, "write", paths);
    json_object_array_add(ways, schema_of(truth));
    json_object_array_add(ways, object);
    return maqet_json_object("anyOf", ways, "description",
                             text("how QEMU is confined; on by default"), NULL);
}

/* ---- the whole ---- */

/* The plugins of a kind that can be loaded; the types of their keys are added to the
 * definitions. */
static json_object *
define(json_object *definitions, json_object *plugins, const char *kind)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(plugins); i++) {
        json_object *plugin = json_object_array_get_idx(plugins, i);
        _cleanup_free_ char *name =
            maqet_format("%s-%s", kind, maqet_json_text(plugin, "name"));

        if (strcmp(maqet_json_text(plugin, "kind"), kind) != 0 ||
            strcmp(maqet_json_text(plugin, "state"), "loads") != 0)
            continue;
        json_object_array_add(list, json_object_get(plugin));
        json_object_object_add(definitions, name, keys_of(plugin));
    }
    return list;
}

json_object *
maqet_schema(const struct maqet_context *context)
{
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};
    json_object *definitions = json_object_new_object();

    maqet_plugin_list_all(context, &list);
    _cleanup_json_ json_object *plugins =
        maqet_fields_list_to_json(&maqet_listed_plugin_fields, list.items, list.count);
    _cleanup_json_ json_object *storages = define(definitions, plugins, "storage");
    _cleanup_json_ json_object *ifaces = define(definitions, plugins, "interface");
    json_object *properties = properties_of_table(maqet_definition_options);

    json_object_object_add(properties, "storage",
                           maqet_json_object("type", parse("['array', 'null']"),
                                             "description", text("drives and shares"),
                                             "items", drive_schema(storages, ifaces),
                                             NULL));
    json_object_object_add(properties, "sandbox", sandbox_schema());
    json_object_object_add(
        properties, "arguments",
        parse("{'type': ['array', 'null'], 'description': 'options of QEMU', "
              "'items': {'type': ['string', 'object']}}"));
    return maqet_json_object("$schema", text("http://json-schema.org/draft-07/schema#"),
                             "title", text("A virtual machine of maqet"), "type",
                             text("object"), "properties", properties,
                             "additionalProperties", json_object_new_boolean(false),
                             "definitions", definitions, NULL);
}
