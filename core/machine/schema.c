/* SPDX-License-Identifier: MIT */
/*
 * schema.c - see schema.h. A reader of YAML that knows types sees a number in 20 and, by
 * the older rules, a truth in `on`; maqet takes every scalar as the text that was
 * written. So each type allows whatever a reader may have made of a valid text.
 *
 * Which keys a drive may have depends on two plugins. There is a definition for each
 * plugin, with the types of its keys; and clauses ("if ... then") say which of them hold
 * for a drive, and for each pair of plugins which names there are.
 */
#include "core/machine/schema.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/definition.h"
#include "core/machine/sandbox.h"
#include "core/plugin/describe.h"
#include "core/storage/drive.h"
#include "core/storage/entry.h"

/* ---- building blocks ---- */

static json_object *
text(const char *value)
{
    return json_object_new_string(value);
}

/* An object with one member; takes @value. */
static json_object *
with(const char *key, json_object *value)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, key, value);
    return object;
}

/* A reference to the definition of a plugin. */
static json_object *
reference(const char *kind, const char *name)
{
    _cleanup_free_ char *path = maqet_format("#/definitions/%s-%s", kind, name);

    return with("$ref", text(path));
}

static json_object *
parse(const char *json)
{
    return json_tokener_parse(json);
}

/* ---- types ---- */

/* What a scalar of each type may look like; null is as good as absent. */
static const struct {
    const char *type, *schema;
} scalars[] = {
    {"string", "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}"},
    {"path", "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"], "
             "\"minLength\": 1}"},
    {"size",
     "{\"type\": [\"string\", \"integer\", \"null\"], \"minimum\": 0, \"pattern\": "
     "\"^(0[xX][0-9a-fA-F]+|[0-9]+[bBkKmMgGtTpPeE]?|"
     "[0-9]+[.][0-9]+[kKmMgGtTpPeE])$\"}"},
    {"int", "{\"type\": [\"string\", \"integer\", \"null\"], "
            "\"pattern\": \"^-?(0[xX][0-9a-fA-F]+|[0-9]+)$\"}"},
    {"bool", "{\"type\": [\"string\", \"boolean\", \"null\"], \"pattern\": "
             "\"^([oO][nN]|[oO][fF][fF]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|"
             "[yY][eE][sS]|[nN][oO])$\"}"},
    {"mode", "{\"type\": [\"string\", \"integer\", \"null\"], \"minimum\": 0, "
             "\"pattern\": \"^(0o)?[0-7]+$\"}"},
};

/* A word that older YAML takes for a truth value. */
static bool
is_truth(const char *word)
{
    static const char *const words[] = {"on", "off", "true", "false", "yes", "no"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* What a reader of YAML makes of a word that looks like a number; NULL: it is a text to
 * him. */
static json_object *
number_of(const char *word)
{
    json_object *value = parse(word);

    if (json_object_is_type(value, json_type_int) ||
        json_object_is_type(value, json_type_double))
        return value;
    json_object_put(value);
    return NULL;
}

static json_object *
choice(json_object *words)
{
    json_object *list = json_object_new_array();
    bool truth = false;

    for (size_t i = 0; i < json_object_array_length(words); i++) {
        json_object *word = json_object_array_get_idx(words, i);
        json_object *number = number_of(json_object_get_string(word));

        truth = truth || is_truth(json_object_get_string(word));
        json_object_array_add(list, json_object_get(word));
        if (number)
            json_object_array_add(list, number);
    }
    if (truth) {
        json_object_array_add(list, json_object_new_boolean(true));
        json_object_array_add(list, json_object_new_boolean(false));
    }
    json_object_array_add(list, NULL);
    return with("enum", list);
}

static json_object *properties_of(json_object *options);

/* The names of the options that must be there; NULL: none. */
static json_object *
required_of(json_object *options)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(options); i++) {
        json_object *option = json_object_array_get_idx(options, i);

        if (json_object_get_boolean(json_object_object_get(option, "required")))
            json_object_array_add(list, text(maqet_json_text(option, "name")));
    }
    if (json_object_array_length(list) > 0)
        return list;
    json_object_put(list);
    return NULL;
}

static json_object *
mapping(json_object *options)
{
    json_object *object = parse("{\"type\": [\"object\", \"null\"]}");
    json_object *required = required_of(options);

    json_object_object_add(object, "properties", properties_of(options));
    json_object_object_add(object, "additionalProperties",
                           json_object_new_boolean(false));
    if (required)
        json_object_object_add(object, "required", required);
    return object;
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

/* One option of a table, as maqet_options_describe has it. */
static json_object *
property_of(json_object *option)
{
    static const char *const copied[][2] = {{"help", "description"},
                                            {"fallback", "default"},
                                            {"minimum", "minimum"},
                                            {"maximum", "maximum"}};
    json_object *object = schema_of(option), *value;

    for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
        if (json_object_object_get_ex(option, copied[i][0], &value) && value)
            json_object_object_add(object, copied[i][1], json_object_get(value));
    return object;
}

static json_object *
properties_of(json_object *options)
{
    json_object *properties = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(options); i++) {
        json_object *option = json_object_array_get_idx(options, i);

        json_object_object_add(properties, maqet_json_text(option, "name"),
                               property_of(option));
    }
    return properties;
}

/* ---- drives ---- */

/* {"properties": {KEY: {"const": WORD}}, "required": [KEY]}; where @absent, a drive that
 * doesn't say it is meant too. */
static json_object *
says(const char *key, const char *word, bool absent)
{
    _cleanup_json_ json_object *words = json_object_new_array();
    json_object *condition = with("properties", with(key, with("const", text(word))));

    if (absent)
        return condition;
    json_object_array_add(words, text(key));
    json_object_object_add(condition, "required", json_object_get(words));
    return condition;
}

static json_object *
clause(json_object *condition, json_object *consequence)
{
    json_object *object = with("if", condition);

    json_object_object_add(object, "then", consequence);
    return object;
}

static void
add_names(json_object *names, json_object *options)
{
    for (size_t i = 0; options && i < json_object_array_length(options); i++)
        json_object_array_add(
            names, text(maqet_json_text(json_object_array_get_idx(options, i), "name")));
}

/* Whether a plugin has an option of that name. */
static bool
has_option(json_object *plugin, const char *name)
{
    json_object *options = json_object_object_get(plugin, "options");

    for (size_t i = 0; options && i < json_object_array_length(options); i++)
        if (strcmp(maqet_json_text(json_object_array_get_idx(options, i), "name"),
                   name) == 0)
            return true;
    return false;
}

/* The keys of a storage that is a file, and their types: the owner may read and write it,
 * and there are no further bits. */
static json_object *
file_keys_of(json_object *storage)
{
    _cleanup_json_ json_object *own = maqet_options_describe(maqet_drive_file_options());
    json_object *object = json_object_new_object();

    if (!maqet_json_text(storage, "path_option") || has_option(storage, "mode"))
        return object;
    json_object_put(object);
    object = properties_of(own);
    json_object_object_add(json_object_object_get(object, "mode"), "pattern",
                           text("^(0o)?0*[67][0-7][0-7]$"));
    return object;
}

/* The names that a drive of the storage on the interface (NULL: none) may have. */
static json_object *
pair_of(json_object *storage, json_object *iface)
{
    bool share = !maqet_json_text(storage, "interface");
    _cleanup_json_ json_object *own = maqet_options_describe(maqet_drive_options(share));
    json_object *names = json_object_new_array();

    add_names(names, own);
    json_object_array_add(names, text("options"));
    add_names(names, json_object_object_get(storage, "options"));
    add_names(names, iface ? json_object_object_get(iface, "options") : NULL);
    json_object *properties = file_keys_of(storage);
    json_object_object_foreach(properties, name, type)
    {
        (void)type;
        json_object_array_add(names, text(name));
    }
    json_object *nested = with("propertyNames", with("enum", json_object_get(names)));
    json_object_object_add(nested, "properties", file_keys_of(storage));
    json_object_object_add(properties, "options", nested);
    json_object *consequence = with("propertyNames", with("enum", names));
    json_object_object_add(consequence, "properties", properties);
    return consequence;
}

/* The types of a plugin's keys, beside and below `options`. */
static json_object *
keys_of(json_object *plugin)
{
    json_object *options = json_object_object_get(plugin, "options");
    json_object *required = required_of(options);
    json_object *properties = properties_of(options);
    json_object *nested = with("type", parse("[\"object\", \"null\"]"));

    json_object_object_add(nested, "properties", properties_of(options));
    json_object_object_add(properties, "options", nested);
    json_object *keys = with("properties", properties);
    if (required) {
        json_object *ways = json_object_new_array();

        json_object_array_add(ways, with("required", required));
        json_object_array_add(ways, parse("{\"required\": [\"options\"]}"));
        json_object_object_add(keys, "anyOf", ways);
    }
    return keys;
}

/* Both conditions. */
static json_object *
both(json_object *one, json_object *other)
{
    json_object *list = json_object_new_array();

    json_object_array_add(list, one);
    json_object_array_add(list, other);
    return with("allOf", list);
}

static void
add_storage(json_object *clauses, json_object *storage, json_object *ifaces)
{
    const char *type = maqet_json_text(storage, "name");
    const char *usual = maqet_json_text(storage, "interface");
    bool absent = strcmp(type, MAQET_DEFAULT_STORAGE) == 0;

    json_object_array_add(clauses,
                          clause(says("type", type, absent), reference("storage", type)));
    if (!usual) {
        json_object_array_add(clauses,
                              clause(says("type", type, absent), pair_of(storage, NULL)));
        return;
    }
    for (size_t i = 0; i < json_object_array_length(ifaces); i++) {
        json_object *iface = json_object_array_get_idx(ifaces, i);
        const char *name = maqet_json_text(iface, "name");
        bool is_usual = strcmp(name, usual) == 0;
        json_object *attached =
            both(says("type", type, absent), says("interface", name, is_usual));

        json_object_array_add(clauses, clause(attached, pair_of(storage, iface)));
        attached = both(says("type", type, absent), says("interface", name, is_usual));
        json_object_array_add(clauses, clause(attached, reference("interface", name)));
    }
    json_object_array_add(clauses, clause(both(says("type", type, absent),
                                               says("interface", "none", false)),
                                          pair_of(storage, NULL)));
}

/* The names of plugins, and one more word (may be NULL). */
static json_object *
names_of(json_object *plugins, const char *more)
{
    json_object *names = json_object_new_array();

    add_names(names, plugins);
    if (more)
        json_object_array_add(names, text(more));
    json_object_array_add(names, NULL);
    return names;
}

static json_object *
drive_schema(json_object *storages, json_object *ifaces)
{
    _cleanup_json_ json_object *own = maqet_options_describe(maqet_drive_options(false));
    json_object *drive = parse("{\"type\": \"object\", \"required\": [\"name\"]}");
    json_object *properties = properties_of(own);
    json_object *clauses = json_object_new_array();

    json_object_object_add(json_object_object_get(properties, "type"), "enum",
                           names_of(storages, NULL));
    json_object_object_add(json_object_object_get(properties, "type"), "default",
                           text(MAQET_DEFAULT_STORAGE));
    json_object_object_add(json_object_object_get(properties, "interface"), "enum",
                           names_of(ifaces, "none"));
    json_object_object_add(drive, "properties", properties);
    for (size_t i = 0; i < json_object_array_length(storages); i++)
        add_storage(clauses, json_object_array_get_idx(storages, i), ifaces);
    json_object_object_add(drive, "allOf", clauses);
    return drive;
}

/* ---- the sandbox ---- */

/* On or off, or a mapping of what is to be different. */
static json_object *
sandbox_schema(void)
{
    _cleanup_json_ json_object *options = maqet_options_describe(maqet_sandbox_options());
    _cleanup_json_ json_object *one = with("type", text("bool"));
    json_object *ways = json_object_new_array(), *sandbox = with("anyOf", ways);
    json_object *object = mapping(options);
    json_object *properties = json_object_object_get(object, "properties");

    for (const char *const *key = (const char *const[]){"read", "write", NULL}; *key;
         key++)
        json_object_object_add(
            properties, *key,
            parse("{\"type\": [\"array\", \"null\"], \"items\": {\"type\": \"string\", "
                  "\"minLength\": 1}, \"description\": \"paths of files and folders\"}"));
    json_object_array_add(ways, schema_of(one));
    json_object_array_add(ways, object);
    json_object_object_add(sandbox, "description",
                           text("how QEMU is confined; on by default"));
    return sandbox;
}

/* ---- the whole ---- */

/* Those plugins of a kind that load, of a list of them as JSON. */
static json_object *
select_kind(json_object *plugins, const char *kind)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(plugins); i++) {
        json_object *plugin = json_object_array_get_idx(plugins, i);

        if (strcmp(maqet_json_text(plugin, "kind"), kind) == 0 &&
            strcmp(maqet_json_text(plugin, "state"), "loads") == 0)
            json_object_array_add(list, json_object_get(plugin));
    }
    return list;
}

static void
define(json_object *definitions, const char *kind, json_object *plugins)
{
    for (size_t i = 0; i < json_object_array_length(plugins); i++) {
        json_object *plugin = json_object_array_get_idx(plugins, i);
        _cleanup_free_ char *name =
            maqet_format("%s-%s", kind, maqet_json_text(plugin, "name"));

        json_object_object_add(definitions, name, keys_of(plugin));
    }
}

json_object *
maqet_schema(const struct maqet_context *context)
{
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};
    maqet_plugin_list_all(context, &list);
    _cleanup_json_ json_object *plugins =
        maqet_fields_list_to_json(&maqet_listed_plugin_fields, list.items, list.count);
    _cleanup_json_ json_object *storages = select_kind(plugins, "storage");
    _cleanup_json_ json_object *ifaces = select_kind(plugins, "interface");
    _cleanup_json_ json_object *top = maqet_options_describe(maqet_definition_options());
    json_object *schema =
        parse("{\"$schema\": \"http://json-schema.org/draft-07/schema#\","
              " \"title\": \"A virtual machine of maqet\", "
              "\"type\": \"object\"}");
    json_object *properties = properties_of(top);
    json_object *definitions = json_object_new_object();
    json_object *storage = parse("{\"type\": [\"array\", \"null\"], "
                                 "\"description\": \"drives and shares\"}");

    json_object_object_add(storage, "items", drive_schema(storages, ifaces));
    json_object_object_add(properties, "storage", storage);
    json_object_object_add(properties, "sandbox", sandbox_schema());
    json_object_object_add(
        properties, "arguments",
        parse("{\"type\": [\"array\", \"null\"], \"description\": \"options of QEMU\", "
              "\"items\": {\"type\": [\"string\", \"object\"]}}"));
    json_object_object_add(schema, "properties", properties);
    json_object_object_add(schema, "additionalProperties",
                           json_object_new_boolean(false));
    define(definitions, "storage", storages);
    define(definitions, "interface", ifaces);
    json_object_object_add(schema, "definitions", definitions);
    return schema;
}
