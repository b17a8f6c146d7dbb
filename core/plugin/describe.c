/* SPDX-License-Identifier: MIT */
#include "core/plugin/describe.h"

#include <string.h>

#include "core/base/apart.h"
#include "core/base/json.h"
#include "core/plugin/loader.h"
#include "core/plugin/option_table.h"

/* ms that a plugin has to be loaded. */
static const int64_t LOAD_TIMEOUT = 10000;

static json_object *
text_or_null(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static json_object *
capabilities_of(const struct maqet_storage *storage)
{
    const struct maqet_storage_plugin *plugin = &storage->plugin;
    const struct maqet_snapshot_table *table = &storage->snapshot;
    const struct {
        bool there;
        const char *word;
    } all[] = {
        {plugin->create, "create"},
        {plugin->inspect, "inspect"},
        {table->create, "snapshot"},
        {table->live_create, "live-snapshot"},
        {table->rename, "snapshot-rename"},
        {table->write_out, "snapshot-export"},
        {table->serve, "snapshot-serve"},
        {plugin->resize, "resize"},
        {plugin->live_resize, "live-resize"},
        {plugin->check, "check"},
        {plugin->holders, "holders"},
        {plugin->helper, "helper"},
        {plugin->flags & MAQET_STORAGE_HOTPLUG, "hotplug"},
        {plugin->flags & MAQET_STORAGE_LIVE_READ, "live-read"},
    };
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].there)
            json_object_array_add(list, json_object_new_string(all[i].word));
    return list;
}

static json_object *
describe(const char *name, const char *kind, const char *summary, const char *file,
         const struct maqet_option *options)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "name", json_object_new_string(name));
    json_object_object_add(object, "kind", json_object_new_string(kind));
    json_object_object_add(object, "summary", text_or_null(summary));
    json_object_object_add(object, "abi", json_object_new_int(MAQET_PLUGIN_ABI));
    json_object_object_add(object, "file", json_object_new_string(file));
    json_object_object_add(object, "options", maqet_option_table_describe(options));
    return object;
}

static json_object *
describe_storage(const char *file, const char *name, struct maqet_error **err)
{
    const struct maqet_storage *storage = maqet_storage_load_file(file, name, err);

    if (!storage)
        return NULL;
    const struct maqet_storage_plugin *plugin = &storage->plugin;
    json_object *object =
        describe(plugin->name, "storage", plugin->summary, file, storage->common.options);
    json_object_object_add(object, "interface", text_or_null(plugin->interface));
    json_object_object_add(object, "path_option", text_or_null(plugin->path_option));
    json_object_object_add(object, "capabilities", capabilities_of(storage));
    return object;
}

static json_object *
describe_iface(const char *file, const char *name, struct maqet_error **err)
{
    const struct maqet_iface *iface = maqet_iface_load_file(file, name, err);

    if (!iface)
        return NULL;
    json_object *object = describe(iface->plugin.name, "interface", iface->plugin.summary,
                                   file, iface->common.options);
    json_object *list = json_object_new_array();
    if (iface->plugin.flags & MAQET_IFACE_HOTPLUG)
        json_object_array_add(list, json_object_new_string("hotplug"));
    json_object_object_add(object, "capabilities", list);
    return object;
}

static json_object *
describe_file(void *data, struct maqet_error **err)
{
    const char *file = data;
    bool is_iface;
    _cleanup_free_ char *name = maqet_plugin_name_of(file, &is_iface);

    if (name && maqet_plugin_name_valid(name))
        return is_iface ? describe_iface(file, name, err)
                        : describe_storage(file, name, err);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "%s is not named like a plugin: maqet-storage-NAME.so or "
                    "maqet-iface-NAME.so, NAME of [a-z0-9][a-z0-9-]*",
                    file);
    return NULL;
}

json_object *
maqet_plugin_describe(const char *file, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    _cleanup_free_ char *printed = NULL;
    _cleanup_free_ char *copy = maqet_strdup(file);
    json_object *object =
        maqet_apart(describe_file, copy, LOAD_TIMEOUT, &printed, &reason);

    if (object)
        return object;
    /* Its own reasons name the file; that it crashed or hung does not. */
    if (!strstr(reason->message, file))
        maqet_error_wrap(&reason, "Cannot load the plugin %s", file);
    maqet_error_move(err, reason);
    return NULL;
}

/* ---- all of them ---- */

static json_object *
describe_found(const char *file, const struct maqet_strings *seen)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool is_iface;
    _cleanup_free_ char *name = maqet_plugin_name_of(file, &is_iface);
    _cleanup_free_ char *key = maqet_format("%d%s", is_iface, name);
    bool shadowed = maqet_strings_has(seen, key);
    json_object *object = shadowed ? NULL : maqet_plugin_describe(file, &reason);

    if (!object) {
        object = json_object_new_object();
        json_object_object_add(object, "name", json_object_new_string(name));
        json_object_object_add(
            object, "kind", json_object_new_string(is_iface ? "interface" : "storage"));
        json_object_object_add(object, "summary", NULL);
        json_object_object_add(object, "file", json_object_new_string(file));
    }
    json_object_object_add(object, "state",
                           json_object_new_string(shadowed ? "shadowed"
                                                  : reason ? "refused"
                                                           : "loads"));
    json_object_object_add(object, "reason",
                           text_or_null(reason ? reason->message : NULL));
    return object;
}

json_object *
maqet_plugin_list(const struct maqet_context *context)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings seen = MAQET_STRINGS_INIT;
    json_object *list = json_object_new_array();

    maqet_plugin_files(context, &files);
    for (size_t i = 0; i < files.count; i++) {
        bool is_iface;
        _cleanup_free_ char *name = maqet_plugin_name_of(files.items[i], &is_iface);

        json_object_array_add(list, describe_found(files.items[i], &seen));
        maqet_strings_addf(&seen, "%d%s", is_iface, name);
    }
    return list;
}

json_object *
maqet_plugin_info(const struct maqet_context *context, const char *name,
                  struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    json_object *found = json_object_new_array();
    bool kinds[2] = {false, false};

    maqet_plugin_files(context, &files);
    for (size_t i = 0; i < files.count; i++) {
        bool is_iface;
        _cleanup_free_ char *other = maqet_plugin_name_of(files.items[i], &is_iface);

        if (!maqet_strings_has(&names, other))
            maqet_strings_add(&names, other);
        if (strcmp(other, name) != 0 || kinds[is_iface])
            continue;
        json_object *object = maqet_plugin_describe(files.items[i], err);
        if (!object) {
            json_object_put(found);
            return NULL;
        }
        kinds[is_iface] = true;
        json_object_array_add(found, object);
    }
    if (json_object_array_length(found) > 0)
        return found;
    json_object_put(found);
    maqet_strings_sort(&names);
    _cleanup_free_ char *list = maqet_strings_list(&names);
    const char *closest = maqet_text_closest(name, &names);
    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no plugin '%s'", name);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'? There are: %s", closest, list);
    else
        maqet_error_hint(err, "There are: %s", list);
    return NULL;
}
