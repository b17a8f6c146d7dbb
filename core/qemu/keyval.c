/* SPDX-License-Identifier: MIT */
#include "core/qemu/keyval.h"

#include <string.h>

#include "core/base/json.h"
#include "core/config/options.h"

/* ---- rendering ---- */

static void
append_pair(struct maqet_text *text, const char *key, json_object *value)
{
    if (text->length > 0)
        maqet_text_append(text, ",");
    if (key)
        maqet_text_append(text, key);
    if (!value)
        return;
    if (key)
        maqet_text_append(text, "=");
    if (json_object_is_type(value, json_type_boolean)) {
        maqet_text_append(text, json_object_get_boolean(value) ? "on" : "off");
    } else {
        _cleanup_free_ char *doubled =
            maqet_text_double_commas(json_object_get_string(value));
        maqet_text_append(text, doubled);
    }
}

static void
append_value(struct maqet_text *text, const char *key, json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            _cleanup_free_ char *deeper = maqet_format("%s.%s", key, name);

            append_value(text, deeper, member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            _cleanup_free_ char *deeper = maqet_format("%s.%zu", key, i);

            append_value(text, deeper, json_object_array_get_idx(value, i));
        }
    } else {
        append_pair(text, key, value);
    }
}

char *
maqet_keyval_render(json_object *mapping, const char *implied)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    if (implied)
        append_pair(&text, NULL, json_object_object_get(mapping, implied));
    json_object_object_foreach(mapping, name, value)
    {
        if (!implied || strcmp(name, implied) != 0)
            append_value(&text, name, value);
    }
    return maqet_text_take(&text);
}

char *
maqet_keyval_of_json(const char *text)
{
    _cleanup_json_ json_object *parsed =
        *text == '{' ? maqet_json_parse(text, "an argument", NULL) : NULL;

    return json_object_is_type(parsed, json_type_object)
               ? maqet_keyval_render(parsed, NULL)
               : NULL;
}

/* ---- reading ---- */

/* Reads a value. Returns the position of the comma that ends it. */
static const char *
read_value(const char *at, char **value)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (;;) {
        size_t plain = strcspn(at, ",");

        maqet_text_append_bytes(&text, at, plain);
        at += plain;
        if (at[0] != ',' || at[1] != ',')
            break;
        maqet_text_append(&text, ",");
        at += 2;
    }
    *value = maqet_text_take(&text);
    return at;
}

/* Reads "key=value", or a word: the value of the implied key, or else a key that is on. */
static const char *
read_pair(const char *at, const char *implied, char **key, char **value)
{
    size_t length = strcspn(at, "=,");

    if (at[length] == '=') {
        *key = maqet_strndup(at, length);
        return read_value(at + length + 1, value);
    }
    if (implied) {
        *key = maqet_strdup(implied);
        return read_value(at, value);
    }
    *key = maqet_strndup(at, length);
    *value = maqet_strdup("on");
    return at + length;
}

bool
maqet_keyval_next(const char **at, const char *implied, char **key, char **value)
{
    if (!*at || !**at)
        return false;
    *at = read_pair(*at, implied, key, value);
    if (**at == ',')
        (*at)++;
    return true;
}

char *
maqet_keyval_get(const char *text, const char *implied, const char *key)
{
    char *found = NULL, *name, *value;

    for (const char *at = text; maqet_keyval_next(&at, implied, &name, &value);
         implied = NULL) {
        if (strcmp(name, key) == 0) {
            free(found);
            found = TAKE_PTR(value);
        }
        free(name);
        free(value);
    }
    return found;
}

char *
maqet_keyval_first(const char *text, const char *const *keys)
{
    char *found = NULL;

    for (; !found && *keys; keys++)
        found = maqet_keyval_get(text, NULL, *keys);
    return found;
}

static bool
get_equals(const char *text, const char *implied, const char *key, const char *wanted)
{
    _cleanup_free_ char *value = maqet_keyval_get(text, implied, key);

    return value && strcmp(value, wanted) == 0;
}

bool
maqet_keyval_has(const char *text, const char *key, const char *wanted)
{
    return get_equals(text, NULL, key, wanted);
}

bool
maqet_keyval_is_of(const char *text, const char *key, const char *type)
{
    return get_equals(text, key, key, type);
}

bool
maqet_keyval_is_on(const char *text, const char *key)
{
    _cleanup_free_ char *value = maqet_keyval_get(text, NULL, key);
    bool on = false;

    return value && maqet_parse_bool(value, &on) && on;
}

bool
maqet_keyval_is_readonly(const char *text)
{
    return maqet_keyval_is_on(text, "readonly") ||
           maqet_keyval_is_on(text, "read-only") ||
           maqet_keyval_has(text, "media", "cdrom");
}

const char *
maqet_keyval_last_part(const char *key)
{
    const char *dot = strrchr(key, '.');

    return dot ? dot + 1 : key;
}

/* ---- files ---- */

bool
maqet_qemu_has_protocol(const char *name)
{
    return name[strcspn(name, ":/")] == ':';
}

char *
maqet_qemu_path(const char *path, const char *folder)
{
    return *path == '/' || !folder ? maqet_strdup(path)
                                   : maqet_format("%s/%s", folder, path);
}

bool
maqet_qemu_names_file(const char *key)
{
    /* Besides those that end in "file", "path" and "dir". */
    static const char *const keys[] = {
        "dev",    "dtb",    "dumpdtb", "events", "evdev",    "filename", "firmware",
        "initrd", "kernel", "splash",  "tftp",   "vhostdev", NULL,
    };
    const char *last = maqet_keyval_last_part(key);

    return maqet_text_ends(last, "file") || maqet_text_ends(last, "path") ||
           maqet_text_ends(last, "dir") || maqet_text_is_one_of(last, keys);
}

void
maqet_secrets_find(const struct maqet_strings *argv, const char *folder,
                   struct maqet_strings *paths)
{
    static const char *const options[] = {"-object", "--object", NULL};

    for (size_t i = 0; i + 1 < argv->count; i++) {
        if (!maqet_text_is_one_of(argv->items[i], options))
            continue;
        _cleanup_free_ char *json = maqet_keyval_of_json(argv->items[i + 1]);
        const char *object = json ? json : argv->items[i + 1];
        _cleanup_free_ char *file = maqet_keyval_is_of(object, "qom-type", "secret")
                                        ? maqet_keyval_get(object, "qom-type", "file")
                                        : NULL;

        if (file)
            maqet_strings_take(paths, maqet_qemu_path(file, folder));
    }
}
