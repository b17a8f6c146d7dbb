/* SPDX-License-Identifier: MIT */
#include "core/qemu/arguments.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/options.h"
#include "core/qemu/keyval.h"

/* ---- the list, option by option ---- */

const char *
maqet_argument_name(const char *written)
{
    for (int dashes = 0; dashes < 2 && *written == '-'; dashes++)
        written++;
    return strcmp(written, "M") == 0 ? "machine" : written;
}

void
maqet_argument_list_clear(struct maqet_argument_list *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i].value);
    free(arguments->items);
}

static char *
value_text(json_object *value)
{
    if (!value)
        return NULL;
    if (json_object_is_type(value, json_type_object))
        return maqet_keyval_render(value, NULL);
    const char *text = json_object_get_string(value);
    char *rendered = maqet_keyval_of_json(text);
    return rendered ? rendered : maqet_strdup(text);
}

static void
add_argument(struct maqet_argument_list *arguments, const char *written,
             json_object *value, struct maqet_place place)
{
    const char *name = maqet_argument_name(written);

    *MAQET_APPEND(arguments->items, arguments->count) =
        (struct maqet_argument){.name = name,
                                .known = maqet_qemu_option_find(name),
                                .written = value,
                                .value = value_text(value),
                                .place = place};
}

struct maqet_argument_list
maqet_argument_list_read(json_object *list)
{
    struct maqet_argument_list arguments = {0};

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, written, value) add_argument(
                &arguments, written, value, maqet_tree_place_of_key(item, written));
        } else if (item) {
            add_argument(&arguments, json_object_get_string(item), NULL,
                         maqet_tree_place_of_item(list, i));
        }
    }
    return arguments;
}

bool
maqet_argument_is(const struct maqet_argument *argument, const char *name)
{
    return strcmp(argument->name, name) == 0;
}

const struct maqet_argument *
maqet_argument_list_named(const struct maqet_argument_list *arguments,
                          const struct maqet_argument *argument, const char *key,
                          const char *name, const char *id)
{
    _cleanup_free_ char *wanted = maqet_keyval_get(argument->value, NULL, key);

    for (size_t i = 0; wanted && i < arguments->count; i++)
        if (maqet_argument_is(&arguments->items[i], name) &&
            maqet_keyval_has(arguments->items[i].value, id, wanted))
            return &arguments->items[i];
    return NULL;
}

/* ---- properties that are paths ---- */

/*
 * A property is not a path if @unless is there, too. With @nested, dotted keys that end
 * with it are paths as well. `file` of -blockdev is missing because it names a node.
 */
static const struct path_property {
    const char *option;
    const char *property;
    enum maqet_qemu_nature nature;
    bool nested;
    const char *unless;
} path_properties[] = {
    {"blockdev", "filename", MAQET_QEMU_PATH, true, NULL},
    {"chardev", "logfile", MAQET_QEMU_PATH, false, NULL},
    {"chardev", "path", MAQET_QEMU_PATH, false, "abstract"},
    {"drive", "file", MAQET_QEMU_IMAGE, false, NULL},
    {"drive", "filename", MAQET_QEMU_PATH, true, NULL},
    {"fsdev", "path", MAQET_QEMU_PATH, false, NULL},
    {"fw_cfg", "file", MAQET_QEMU_PATH, false, NULL},
    {"machine", "dtb", MAQET_QEMU_SEARCHED, false, NULL},
    {"machine", "firmware", MAQET_QEMU_SEARCHED, false, NULL},
    {"machine", "initrd", MAQET_QEMU_PATH, false, NULL},
    {"machine", "kernel", MAQET_QEMU_PATH, false, NULL},
    {"object", "mem-path", MAQET_QEMU_PATH, false, NULL},
    {"option-rom", "romfile", MAQET_QEMU_SEARCHED, false, NULL},
    {"smbios", "file", MAQET_QEMU_PATH, false, NULL},
};

static const struct path_property *
find_path_property(const char *option, const char *key)
{
    const char *last = maqet_keyval_last_part(key);

    for (size_t i = 0; i < sizeof(path_properties) / sizeof(*path_properties); i++) {
        const struct path_property *known = &path_properties[i];

        if (strcmp(known->option, option) == 0 &&
            strcmp(known->property, known->nested ? last : key) == 0)
            return known;
    }
    return NULL;
}

/* ---- paths ---- */

static bool
is_path(enum maqet_qemu_nature nature)
{
    return nature == MAQET_QEMU_PATH || nature == MAQET_QEMU_SEARCHED ||
           nature == MAQET_QEMU_ROM || nature == MAQET_QEMU_IMAGE;
}

/* Whether it is a file that comes with QEMU: a bare name that is not in @folder. */
static bool
is_qemus_own(const char *text, const char *folder)
{
    _cleanup_free_ char *path = maqet_path_absolute(text, folder);

    return !strchr(text, '/') && access(path, F_OK) < 0;
}

static void
make_absolute(json_object *value, enum maqet_qemu_nature nature, const char *folder)
{
    const char *text = json_object_get_string(value);

    if (!*text || !folder ||
        (nature == MAQET_QEMU_IMAGE && maqet_qemu_has_protocol(text)) ||
        (nature == MAQET_QEMU_ROM && strpbrk(text, "=,")) ||
        ((nature == MAQET_QEMU_SEARCHED || nature == MAQET_QEMU_ROM) &&
         is_qemus_own(text, folder)))
        return;
    _cleanup_free_ char *absolute = maqet_path_absolute(text, folder);
    json_object_set_string(value, absolute);
}

/* ---- checking ---- */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool
is_option_name(const char *name)
{
    return *name && strchr(ALPHANUMERIC, *name) &&
           name[strspn(name, ALPHANUMERIC "_.-")] == '\0';
}

/* Checks the properties of an option that are nested below @prefix. */
static int
check_properties(const char *option, const char *prefix, json_object *mapping,
                 struct maqet_error **err)
{
    json_object_object_foreach(mapping, name, value)
    {
        struct maqet_place place = maqet_tree_place_of_value(mapping, name);
        _cleanup_free_ char *key = maqet_format("%s%s", prefix, name);
        const struct path_property *path = find_path_property(option, key);

        if (!*name || strpbrk(name, "=,"))
            return maqet_place_invalid(
                maqet_tree_place_of_key(mapping, name), err,
                "'%s' is not a property of -%s; write each as KEY: VALUE", name, option);
        if (!value)
            continue;
        if (json_object_is_type(value, json_type_array))
            return maqet_place_invalid(place, err, "'%s' of -%s cannot be a list", key,
                                       option);
        if (json_object_is_type(value, json_type_object)) {
            _cleanup_free_ char *deeper = maqet_format("%s.", key);

            if (check_properties(option, deeper, value, err) < 0)
                return -1;
            continue;
        }
        if (path &&
            !(path->unless && json_object_object_get_ex(mapping, path->unless, NULL)))
            make_absolute(value, path->nature, place.folder);
    }
    return 0;
}

static int
check_without_value(const struct maqet_qemu_option *known, struct maqet_place place,
                    struct maqet_error **err)
{
    if (known->nature == MAQET_QEMU_OTHER || known->nature == MAQET_QEMU_FLAG ||
        known->nature == MAQET_QEMU_TEXT)
        return 0;
    if (known->nature == MAQET_QEMU_PROPERTIES)
        /* Usually the indentation is wrong: the properties became options of their own. */
        return maqet_place_invalid(
            place, err,
            "-%s has no value; write `- %s: {KEY: VALUE, ...}`, or "
            "indent its properties further than '%s'",
            known->name, known->name, known->name);
    return maqet_place_invalid(place, err, "-%s has no value; write `- %s: PATH`",
                               known->name, known->name);
}

static int
check_mapping(const struct maqet_qemu_option *known, const char *option,
              json_object *value, struct maqet_place place, struct maqet_error **err)
{
    if (known->nature == MAQET_QEMU_PATH || known->nature == MAQET_QEMU_SEARCHED ||
        known->nature == MAQET_QEMU_IMAGE)
        return maqet_place_invalid(place, err, "-%s takes a path, not a mapping", option);
    if (json_object_object_length(value) == 0)
        return maqet_place_invalid(place, err, "the mapping of -%s is empty", option);
    return check_properties(option, "", value, err);
}

/* Checks one option, written at @key, with its value (NULL: none), written at @place. */
static int
check_option(const char *option, struct maqet_place key, json_object *value,
             struct maqet_place place, struct maqet_error **err)
{
    const struct maqet_qemu_option *known = maqet_qemu_option_find(option);

    if (known->verdict.fate == MAQET_QEMU_REFUSED)
        return 0;
    if (!value)
        return check_without_value(known, key, err);
    if (known->nature == MAQET_QEMU_FLAG)
        return maqet_place_invalid(place, err, "-%s takes no value; write `- %s`", option,
                                   option);
    if (json_object_is_type(value, json_type_array))
        return maqet_place_invalid(place, err,
                                   "the value of -%s cannot be a list; repeat `- %s: "
                                   "...` instead",
                                   option, option);
    if (json_object_is_type(value, json_type_object))
        return check_mapping(known, option, value, place, err);
    if (is_path(known->nature))
        make_absolute(value, known->nature, place.folder);
    return 0;
}

static int
check_name(const char *written, const char *name, struct maqet_place place,
           struct maqet_error **err)
{
    if (is_option_name(name))
        return 0;
    return maqet_place_invalid(place, err, "'%s' is not the name of a QEMU option",
                               written);
}

/* Checks an item that is a text: an option without a value. */
static int
check_word(const char *written, struct maqet_place place, struct maqet_error **err)
{
    const char *name = maqet_argument_name(written);
    size_t length = strcspn(name, " \t\n=");
    const char *rest = name + length + strspn(name + length, " \t\n=");
    _cleanup_free_ char *option = maqet_strndup(name, length);

    if (name[length] && *rest && is_option_name(option))
        return maqet_place_invalid(place, err,
                                   "'%s' is an option and its value in one string; "
                                   "write `- %s: %s%s%s`",
                                   written, option, strpbrk(rest, "\"\\") ? "'" : "\"",
                                   rest, strpbrk(rest, "\"\\") ? "'" : "\"");
    if (check_name(written, name, place, err) < 0)
        return -1;
    return check_option(name, place, NULL, place, err);
}

static int
check_item(json_object *item, struct maqet_place place, struct maqet_error **err)
{
    if (!item || json_object_is_type(item, json_type_array) ||
        (json_object_is_type(item, json_type_object) &&
         json_object_object_length(item) == 0))
        return maqet_place_invalid(
            place, err,
            "an item of `arguments` is one of QEMU's options, such "
            "as `- smp: 2` or `- enable-kvm`");
    if (!json_object_is_type(item, json_type_object))
        return check_word(json_object_get_string(item), place, err);
    json_object_object_foreach(item, written, value)
    {
        struct maqet_place key = maqet_tree_place_of_key(item, written);
        const char *option = maqet_argument_name(written);

        if (check_name(written, option, key, err) < 0 ||
            check_option(option, key, value, maqet_tree_place_of_value(item, written),
                         err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_arguments_check(json_object *list, struct maqet_error **err)
{
    size_t count = list ? json_object_array_length(list) : 0;
    struct maqet_error *error = NULL; /* of one item */
    bool wrong = false;

    for (size_t i = 0; i < count; i++) {
        check_item(json_object_array_get_idx(list, i), maqet_tree_place_of_item(list, i),
                   &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* ---- rendering ---- */

void
maqet_arguments_render(json_object *list, struct maqet_strings *argv)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++) {
        json_object *written = arguments.items[i].written;

        maqet_strings_addf(argv, "-%s", arguments.items[i].name);
        if (json_object_is_type(written, json_type_object))
            maqet_strings_add(argv, arguments.items[i].value);
        else if (written)
            maqet_strings_add(argv, json_object_get_string(written));
    }
}

/* ---- questions ---- */

static bool
has_one_of(json_object *list, const char *const *options)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++)
        if (maqet_text_is_one_of(arguments.items[i].name, options))
            return true;
    return false;
}

bool
maqet_arguments_has(json_object *list, const char *option)
{
    const char *const options[] = {option, NULL};

    return has_one_of(list, options);
}

char *
maqet_arguments_property(json_object *list, const char *option, const char *implied,
                         const char *property)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);
    char *found = NULL;

    for (size_t i = arguments.count; !found && i-- > 0;)
        if (maqet_argument_is(&arguments.items[i], option))
            found = maqet_keyval_get(arguments.items[i].value, implied, property);
    return found;
}

bool
maqet_arguments_say_accel(json_object *list)
{
    static const char *const options[] = {"accel", "enable-kvm", NULL};
    _cleanup_free_ char *accel =
        maqet_arguments_property(list, "machine", "type", "accel");

    return accel || has_one_of(list, options);
}

bool
maqet_arguments_say_display(json_object *list)
{
    static const char *const options[] = {"display", "nographic", "vnc", "spice",
                                          "curses",  "sdl",       "gtk", NULL};

    return has_one_of(list, options);
}

bool
maqet_arguments_say_network(json_object *list)
{
    static const char *const options[] = {"netdev", "nic", "net", NULL};

    return has_one_of(list, options);
}
