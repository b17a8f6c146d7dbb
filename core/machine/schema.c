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
#include "core/machine/definition.h"
#include "core/machine/network.h"
#include "core/machine/schema_options.h"
#include "core/plugin/describe.h"
#include "core/storage/entry.h"

static json_object *
text(const char *value)
{
    return json_object_new_string(value);
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
    json_object *condition = maqet_schema_parse("{'properties': {}, 'required': []}");

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

/* Whether a plugin (NULL: none) has an option of that name. */
static bool
has_option(json_object *plugin, const char *name)
{
    json_object *options = json_object_object_get(plugin, "options");

    for (size_t i = 0; options && i < json_object_array_length(options); i++)
        if (maqet_json_is(json_object_array_get_idx(options, i), "name", name))
            return true;
    return false;
}

/* The keys of the core for a storage, and their types, but those that say what a drive is.
 * The mode lets the owner read and write, and has no further bits. */
static json_object *
core_keys_of(json_object *storage)
{
    static const char *const plain[] = {"name", "type", "interface"};
    bool share = !maqet_json_text(storage, "interface");
    json_object *keys =
        maqet_schema_of_table(share ? maqet_share_options : maqet_drive_options);

    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        json_object_object_del(keys, plain[i]);
    if (!maqet_json_text(storage, "path_option"))
        return keys;
    _cleanup_json_ json_object *files = maqet_schema_of_table(maqet_drive_file_options);
    json_object_object_foreach(files, key, type)
        json_object_object_add(keys, key, json_object_get(type));
    json_object_object_add(json_object_object_get(keys, "mode"), "pattern",
                           text("^(0o)?0*[67][0-7][0-7]$"));
    return keys;
}

/* A mapping of some of these keys. */
static json_object *
some_of(json_object *properties)
{
    return maqet_json_object("type", maqet_schema_parse("['object', 'null']"),
                             "properties", properties, "additionalProperties",
                             json_object_new_boolean(false), NULL);
}

/* The types of plain keys that depend on both plugins: those of the core which neither
 * has, and no value for a key that both have. */
static json_object *
plain_keys_of(json_object *storage, json_object *iface)
{
    json_object *options = json_object_object_get(storage, "options");
    json_object *keys = json_object_new_object();
    _cleanup_json_ json_object *core = core_keys_of(storage);

    json_object_object_foreach(core, key, type)
    {
        if (!has_option(storage, key) && !has_option(iface, key))
            json_object_object_add(keys, key, json_object_get(type));
    }
    for (size_t i = 0; i < json_object_array_length(options); i++) {
        const char *name = maqet_json_text(json_object_array_get_idx(options, i), "name");

        if (has_option(iface, name))
            json_object_object_add(keys, name, maqet_schema_parse("{'type': 'null'}"));
    }
    return keys;
}

/* Adds the full forms. The types of the plugins' keys are in their own definitions. */
static void
add_full_forms(json_object *properties, json_object *storage, json_object *iface)
{
    json_object_object_add(properties, "drive_options", some_of(core_keys_of(storage)));
    json_object_object_add(properties, "storage_options", json_object_new_object());
    json_object_object_add(properties, "interface_options",
                           iface ? json_object_new_object()
                                 : some_of(json_object_new_object()));
}

/* The names that a drive of the storage on the interface (NULL: none) may have. */
static json_object *
pair_of(json_object *storage, json_object *iface)
{
    bool share = !maqet_json_text(storage, "interface");
    json_object *properties = plain_keys_of(storage, iface);
    json_object *below = plain_keys_of(storage, iface);
    json_object *list = maqet_schema_parse("['name', 'type', 'options']");

    if (!share)
        json_object_array_add(list, text("interface"));
    add_full_forms(properties, storage, iface);
    add_full_forms(below, storage, iface);
    maqet_schema_add_names(list, json_object_object_get(storage, "options"), NULL);
    maqet_schema_add_names(list, json_object_object_get(iface, "options"), NULL);
    json_object_object_foreach(properties, name, type)
    {
        (void)type;
        json_object_array_add(list, text(name));
    }
    json_object *names = maqet_json_object("enum", list, NULL);
    json_object_object_add(properties, "options",
                           maqet_json_object("propertyNames", json_object_get(names),
                                             "properties", below, NULL));
    return maqet_json_object("propertyNames", names, "properties", properties, NULL);
}

/* That a key is given: plainly, in its full form, or perhaps below `options`. */
static json_object *
given(json_object *name, const char *form)
{
    json_object *ways = maqet_schema_parse("[{'required': ['options']}]");
    json_object *names = json_object_new_array(), *plain = json_object_new_array();
    json_object *forms = json_object_new_array(), *full = json_object_new_object();

    json_object_array_add(names, json_object_get(name));
    json_object_array_add(plain, json_object_get(name));
    json_object_array_add(forms, text(form));
    json_object_object_add(full, form, maqet_json_object("required", names, NULL));
    json_object_array_add(ways, maqet_json_object("required", plain, NULL));
    json_object_array_add(ways,
                          maqet_json_object("required", forms, "properties", full, NULL));
    return maqet_json_object("anyOf", ways, NULL);
}

/* The types of a plugin's keys: plain ones, in their full form, and both below `options`. */
static json_object *
keys_of(json_object *plugin)
{
    bool storage = maqet_json_is(plugin, "kind", "storage");
    const char *form = storage ? "storage_options" : "interface_options";
    json_object *options = json_object_object_get(plugin, "options");
    json_object *properties = maqet_schema_properties(options),
                *below = maqet_schema_properties(options);
    _cleanup_json_ json_object *required = maqet_schema_required(options);
    json_object *all = required ? json_object_new_array() : NULL;

    json_object_object_add(properties, form, some_of(maqet_schema_properties(options)));
    json_object_object_add(below, form, some_of(maqet_schema_properties(options)));
    json_object_object_add(properties, "options",
                           maqet_json_object("type",
                                             maqet_schema_parse("['object', 'null']"),
                                             "properties", below, NULL));
    for (size_t i = 0; required && i < json_object_array_length(required); i++)
        json_object_array_add(all, given(json_object_array_get_idx(required, i), form));
    return maqet_json_object("properties", properties, "allOf", all, NULL);
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
    maqet_schema_add_names(names, plugins, NULL);
    json_object_object_add(json_object_object_get(properties, key), "enum", names);
}

static json_object *
drive_schema(json_object *storages, json_object *ifaces)
{
    json_object *properties = maqet_schema_of_table(maqet_drive_options);
    json_object *clauses = json_object_new_array();

    /* That depends on the storage. */
    json_object_object_del(properties, "media");
    json_object_object_del(properties, "overcommit");
    limit(properties, "type", storages, maqet_schema_parse("[null]"));
    json_object_object_add(json_object_object_get(properties, "type"), "default",
                           text(MAQET_DEFAULT_STORAGE));
    limit(properties, "interface", ifaces, maqet_schema_parse("[null, 'none']"));
    for (size_t i = 0; i < json_object_array_length(storages); i++)
        add_storage(clauses, json_object_array_get_idx(storages, i), ifaces);
    return maqet_json_object("type", text("object"), "required",
                             maqet_schema_parse("['name']"), "properties", properties,
                             "allOf", clauses, NULL);
}

/* ---- the sandbox ---- */

/* On, off, or a mapping. */
static json_object *
sandbox_schema(void)
{
    _cleanup_json_ json_object *options =
        maqet_options_describe(maqet_definition_sandbox_options);
    _cleanup_json_ json_object *truth = maqet_schema_parse("{'type': 'bool'}");
    json_object *ways = json_object_new_array(), *object = maqet_schema_mapping(options);
    json_object *properties = json_object_object_get(object, "properties");
    json_object *paths = maqet_schema_parse(
        "{'type': ['array', 'null'], 'items': {'type': 'string', "
        "'minLength': 1}, 'description': 'paths of files and folders'}");

    json_object_object_add(properties, "read", json_object_get(paths));
    json_object_object_add(properties, "write", paths);
    json_object_array_add(ways, maqet_schema_option(truth));
    json_object_array_add(ways, object);
    return maqet_json_object("anyOf", ways, "description",
                             text("how QEMU is confined; on by default"), NULL);
}

/* ---- the network ---- */

/* One of the words, or a mapping. */
static json_object *
network_schema(void)
{
    _cleanup_json_ json_object *options = maqet_options_describe(maqet_network_options);
    json_object *ways = json_object_new_array(), *words = maqet_schema_parse("[null]");

    for (unsigned i = 0; maqet_network_type_name(i); i++)
        json_object_array_add(words, text(maqet_network_type_name(i)));
    json_object_array_add(ways, maqet_json_object("enum", words, NULL));
    json_object_array_add(ways, maqet_schema_mapping(options));
    return maqet_json_object("anyOf", ways, "description",
                             text("how the guest is connected"), NULL);
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
    json_object *properties = maqet_schema_of_table(maqet_definition_options);

    json_object_object_add(
        properties, "storage",
        maqet_json_object("type", maqet_schema_parse("['array', 'null']"), "description",
                          text("drives and shares"), "items",
                          drive_schema(storages, ifaces), NULL));
    json_object_object_add(properties, "sandbox", sandbox_schema());
    json_object_object_add(properties, "network", network_schema());
    json_object_object_add(
        properties, "ports",
        maqet_schema_parse(
            "{'type': ['array', 'null'], 'description': 'ports of the "
            "host that lead to the guest', 'items': {'type': 'string', "
            "'pattern': '^([0-9.]+:)?([0-9]+|auto):[0-9]+(/(tcp|udp))?$'}}"));
    json_object_object_add(
        properties, "arguments",
        maqet_schema_parse(
            "{'type': ['array', 'null'], 'description': 'options of QEMU', "
            "'items': {'type': ['string', 'object']}}"));
    return maqet_json_object("$schema", text("http://json-schema.org/draft-07/schema#"),
                             "title", text("A virtual machine of maqet"), "type",
                             text("object"), "properties", properties,
                             "additionalProperties", json_object_new_boolean(false),
                             "definitions", definitions, NULL);
}
