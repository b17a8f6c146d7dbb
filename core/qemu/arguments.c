/* SPDX-License-Identifier: MIT */
#include "core/qemu/arguments.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/merge.h"
#include "core/qemu/keyval.h"

/* ---- what we know of QEMU's options ---- */

enum nature {
    OTHER,      /* nothing: it is passed on */
    FLAG,       /* takes no value */
    PATH,       /* the value is a path */
    SEARCHED,   /* a path, or a bare name that QEMU finds among the files it came with */
    ROM,        /* the same, or properties in either form */
    IMAGE,      /* a path, or "protocol:..." */
    PROPERTIES, /* can't do without properties */
    REFUSED     /* can't work with us */
};

static const struct known_option {
    const char *name;
    enum nature nature;
    const char *reason;
} known_options[] = {
    {"chroot", REFUSED, "QEMU would not reach the files that maqet gives it"},
    {"daemonize", REFUSED,
     "maqet detaches QEMU itself, and QEMU's sandbox forbids forking"},
    {"incoming", REFUSED, "the VM would wait for a migration instead of running"},
    {"pidfile", REFUSED, "maqet keeps QEMU's PID file itself"},
    {"runas", REFUSED, "QEMU's sandbox forbids it; run maqet as that user"},

    {"enable-kvm", FLAG, NULL},
    {"full-screen", FLAG, NULL},
    {"mem-prealloc", FLAG, NULL},
    {"no-acpi", FLAG, NULL},
    {"no-hpet", FLAG, NULL},
    {"no-reboot", FLAG, NULL},
    {"no-shutdown", FLAG, NULL},
    {"no-user-config", FLAG, NULL},
    {"nodefaults", FLAG, NULL},
    {"nographic", FLAG, NULL},
    {"only-migratable", FLAG, NULL},
    {"S", FLAG, NULL},
    {"s", FLAG, NULL},
    {"snapshot", FLAG, NULL},
    {"usb", FLAG, NULL},

    {"blockdev", PROPERTIES, NULL},
    {"chardev", PROPERTIES, NULL},
    {"device", PROPERTIES, NULL},
    {"drive", PROPERTIES, NULL},
    {"fsdev", PROPERTIES, NULL},
    {"netdev", PROPERTIES, NULL},
    {"object", PROPERTIES, NULL},

    {"D", PATH, NULL},
    {"initrd", PATH, NULL},
    {"kernel", PATH, NULL},
    {"L", PATH, NULL},
    {"mem-path", PATH, NULL},
    {"readconfig", PATH, NULL},
    {"shim", PATH, NULL},

    {"bios", SEARCHED, NULL},
    {"dtb", SEARCHED, NULL},
    {"option-rom", ROM, NULL},

    {"cdrom", IMAGE, NULL},
    {"fda", IMAGE, NULL},
    {"fdb", IMAGE, NULL},
    {"hda", IMAGE, NULL},
    {"hdb", IMAGE, NULL},
    {"hdc", IMAGE, NULL},
    {"hdd", IMAGE, NULL},
    {"mtdblock", IMAGE, NULL},
    {"pflash", IMAGE, NULL},
    {"sd", IMAGE, NULL},
};

/*
 * Properties that are always paths, or are so unless the property @unless is beside them.
 * `file` of -blockdev, for example, is not here: it names another node. Where @nested,
 * dotted keys that end so count as well.
 */
static const struct path_property {
    const char *option;
    const char *property;
    enum nature nature;
    bool nested;
    const char *unless;
} path_properties[] = {
    {"blockdev", "filename", PATH, true, NULL},
    {"chardev", "logfile", PATH, false, NULL},
    {"chardev", "path", PATH, false, "abstract"},
    {"drive", "file", IMAGE, false, NULL},
    {"drive", "filename", PATH, true, NULL},
    {"fsdev", "path", PATH, false, NULL},
    {"fw_cfg", "file", PATH, false, NULL},
    {"machine", "dtb", SEARCHED, false, NULL},
    {"machine", "firmware", SEARCHED, false, NULL},
    {"machine", "initrd", PATH, false, NULL},
    {"machine", "kernel", PATH, false, NULL},
    {"object", "mem-path", PATH, false, NULL},
    {"option-rom", "romfile", SEARCHED, false, NULL},
    {"smbios", "file", PATH, false, NULL},
};

static const struct known_option *
look_up(const char *option)
{
    static const struct known_option unknown = {"", OTHER, NULL};

    for (size_t i = 0; i < sizeof(known_options) / sizeof(*known_options); i++)
        if (strcmp(known_options[i].name, option) == 0)
            return &known_options[i];
    return &unknown;
}

static const struct path_property *
look_up_property(const char *option, const char *key)
{
    const char *dot = strrchr(key, '.');

    for (size_t i = 0; i < sizeof(path_properties) / sizeof(*path_properties); i++) {
        const struct path_property *known = &path_properties[i];

        if (strcmp(known->option, option) == 0 &&
            strcmp(known->property, known->nested && dot ? dot + 1 : key) == 0)
            return known;
    }
    return NULL;
}

/* ---- paths ---- */

/* As QEMU tells a protocol from a path (QEMU: path_has_protocol in block.c). */
static bool
has_protocol(const char *text)
{
    return text[strcspn(text, ":/")] == ':';
}

/* Whether it is one of QEMU's own files: a bare name that is not in @folder. */
static bool
is_qemus_own(const char *text, const char *folder)
{
    if (strchr(text, '/'))
        return false;
    _cleanup_free_ char *here = maqet_path_absolute(text, folder);
    return access(here, F_OK) < 0;
}

static void
make_absolute(json_object *value, enum nature nature, const char *folder)
{
    const char *text = json_object_get_string(value);

    if (!*text || !folder || (nature == IMAGE && has_protocol(text)) ||
        (nature == ROM && strpbrk(text, "=,")) ||
        ((nature == SEARCHED || nature == ROM) && is_qemus_own(text, folder)))
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

static int
check_key(const char *option, const char *key, struct maqet_place place,
          struct maqet_error **err)
{
    if (*key && !strpbrk(key, "=,"))
        return 0;
    return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                             "'%s' is no property of -%s; write each as KEY: VALUE", key,
                             option);
}

/* Checks an option's properties, those that are nested below @prefix. */
static int
check_properties(const char *option, const char *prefix, json_object *mapping,
                 struct maqet_error **err)
{
    json_object_object_foreach(mapping, name, value)
    {
        struct maqet_place place = maqet_tree_place_of_value(mapping, name);
        _cleanup_free_ char *key = maqet_format("%s%s", prefix, name);
        const struct path_property *path = look_up_property(option, key);

        if (check_key(option, name, maqet_tree_place_of_key(mapping, name), err) < 0)
            return -1;
        if (!value)
            continue;
        if (json_object_is_type(value, json_type_array))
            return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                     "'%s' of -%s can't be a list", key, option);
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
check_without_value(const struct known_option *known, struct maqet_place place,
                    struct maqet_error **err)
{
    if (known->nature == OTHER || known->nature == FLAG)
        return 0;
    if (known->nature == PROPERTIES)
        /* Mostly a mistake of indentation: the properties became options of their own. */
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "-%s has no value; write `- %s: {KEY: VALUE, ...}`, or "
                                 "indent its properties further than '%s'",
                                 known->name, known->name, known->name);
    return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                             "-%s has no value; write `- %s: PATH`", known->name,
                             known->name);
}

static int
check_mapping(const struct known_option *known, const char *option, json_object *value,
              struct maqet_place place, struct maqet_error **err)
{
    if (known->nature == PATH || known->nature == SEARCHED || known->nature == IMAGE)
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "-%s takes a path, not a mapping", option);
    if (json_object_object_length(value) == 0)
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "the mapping of -%s is empty", option);
    return check_properties(option, "", value, err);
}

/* Checks one option, which stands at @key, with its value (NULL: none), at @place. */
static int
check_option(const char *option, struct maqet_place key, json_object *value,
             struct maqet_place place, struct maqet_error **err)
{
    const struct known_option *known = look_up(option);

    if (known->nature == REFUSED)
        return maqet_place_error(key, err, MAQET_ERROR_INVALID, "-%s can't be used: %s",
                                 option, known->reason);
    if (!value)
        return check_without_value(known, key, err);
    if (known->nature == FLAG)
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "-%s takes no value; write `- %s`", option, option);
    if (json_object_is_type(value, json_type_array))
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "the value of -%s can't be a list; repeat `- %s: ...` "
                                 "instead",
                                 option, option);
    if (json_object_is_type(value, json_type_object))
        return check_mapping(known, option, value, place, err);
    if (known->nature != OTHER && known->nature != PROPERTIES)
        make_absolute(value, known->nature, place.folder);
    return 0;
}

static int
check_name(const char *written, const char *name, struct maqet_place place,
           struct maqet_error **err)
{
    if (is_option_name(name))
        return 0;
    return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                             "'%s' is no name of a QEMU option", written);
}

/* An item that is one text: an option without a value. */
static int
check_word(const char *written, struct maqet_place place, struct maqet_error **err)
{
    const char *name = maqet_argument_name(written);
    size_t length = strcspn(name, " \t\n=");
    const char *rest = name + length + strspn(name + length, " \t\n=");
    _cleanup_free_ char *option = maqet_strndup(name, length);

    if (name[length] && *rest && is_option_name(option))
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
                                 "'%s' is an option and its value in one text; write "
                                 "`- %s: %s%s%s`",
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
        return maqet_place_error(place, err, MAQET_ERROR_INVALID,
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

    for (size_t i = 0; i < count; i++)
        if (check_item(json_object_array_get_idx(list, i),
                       maqet_tree_place_of_item(list, i), err) < 0)
            return -1;
    return 0;
}

/* ---- the list, flat ---- */

struct argument {
    const char *option;
    json_object *value;
};

/* What the list says, option by option. It borrows from the list. */
struct arguments {
    struct argument *items;
    size_t count;
};

static void
clear_arguments(struct arguments *arguments)
{
    free(arguments->items);
}

#define _cleanup_arguments_ _cleanup_(clear_arguments)

static void
add_argument(struct arguments *arguments, const char *written, json_object *value)
{
    arguments->items = maqet_realloc(arguments->items,
                                     (arguments->count + 1) * sizeof(*arguments->items));
    arguments->items[arguments->count++] =
        (struct argument){.option = maqet_argument_name(written), .value = value};
}

static struct arguments
flatten(json_object *list)
{
    bool is_list = json_object_is_type(list, json_type_array);
    size_t count = is_list ? json_object_array_length(list) : 0;
    struct arguments arguments = {0};

    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, written, value)
                add_argument(&arguments, written, value);
        } else if (item) {
            add_argument(&arguments, json_object_get_string(item), NULL);
        }
    }
    return arguments;
}

static char *
render_value(json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return maqet_keyval_render(value);
    return maqet_strdup(value ? json_object_get_string(value) : "");
}

void
maqet_arguments_render(json_object *list, struct maqet_strings *argv)
{
    _cleanup_arguments_ struct arguments arguments = flatten(list);

    for (size_t i = 0; i < arguments.count; i++) {
        maqet_strings_addf(argv, "-%s", arguments.items[i].option);
        if (arguments.items[i].value)
            maqet_strings_take(argv, render_value(arguments.items[i].value));
    }
}

/* ---- questions ---- */

char *
maqet_arguments_value(json_object *list, const char *option)
{
    _cleanup_arguments_ struct arguments arguments = flatten(list);

    for (size_t i = arguments.count; i-- > 0;)
        if (strcmp(arguments.items[i].option, option) == 0)
            return render_value(arguments.items[i].value);
    return NULL;
}

bool
maqet_arguments_has(json_object *list, const char *option)
{
    _cleanup_free_ char *value = maqet_arguments_value(list, option);

    return value;
}

char *
maqet_arguments_property(json_object *list, const char *option, const char *implied,
                         const char *property)
{
    _cleanup_arguments_ struct arguments arguments = flatten(list);

    for (size_t i = arguments.count; i-- > 0;) {
        if (strcmp(arguments.items[i].option, option) != 0)
            continue;
        _cleanup_free_ char *value = render_value(arguments.items[i].value);
        char *found = maqet_keyval_get(value, implied, property);

        if (found)
            return found;
    }
    return NULL;
}

bool
maqet_arguments_say_accel(json_object *list)
{
    _cleanup_free_ char *accel =
        maqet_arguments_property(list, "machine", "type", "accel");

    return accel || maqet_arguments_has(list, "accel") ||
           maqet_arguments_has(list, "enable-kvm");
}

bool
maqet_arguments_say_display(json_object *list)
{
    static const char *const options[] = {"display", "nographic", "vnc", "spice",
                                          "curses",  "sdl",       "gtk"};

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        if (maqet_arguments_has(list, options[i]))
            return true;
    return false;
}
