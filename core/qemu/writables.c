/* SPDX-License-Identifier: MIT */
/*
 * writables.c - the options are those of qemu(1); a value may be a text in QEMU's syntax,
 * a mapping, or JSON in a text.
 */
#include "core/qemu/writables.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/merge.h"
#include "core/config/options.h"
#include "core/qemu/keyval.h"

/* Bytes of a file for -readconfig that are looked at. */
enum { CONFIGURATION_LIMIT = 1 << 20 };

const char *
maqet_writable_kind_name(enum maqet_writable_kind kind)
{
    static const char *const names[] = {
        [MAQET_WRITABLE_DISK] = "disk",
        [MAQET_WRITABLE_FLASH] = "flash memory",
        [MAQET_WRITABLE_MEMORY] = "persistent memory",
        [MAQET_WRITABLE_TPM] = "TPM state",
        [MAQET_WRITABLE_UNKNOWN] = "devices in a configuration file",
    };

    return names[kind];
}

void
maqet_writables_clear(struct maqet_writables *writables)
{
    for (size_t i = 0; i < writables->count; i++) {
        free(writables->items[i].name);
        free(writables->items[i].file);
        free(writables->items[i].place);
    }
    free(writables->items);
    *writables = (struct maqet_writables){0};
}

const struct maqet_writable *
maqet_writables_find(const struct maqet_writables *writables, const char *name)
{
    for (size_t i = 0; i < writables->count; i++)
        if (strcmp(writables->items[i].name, name) == 0)
            return &writables->items[i];
    return NULL;
}

struct maqet_writable *
maqet_writables_add(struct maqet_writables *writables, enum maqet_writable_kind kind,
                    char *name)
{
    while (maqet_writables_find(writables, name)) {
        char *other = maqet_format("argument-%s", name);

        free(name);
        name = other;
    }
    writables->items = maqet_realloc(writables->items,
                                     (writables->count + 1) * sizeof(*writables->items));
    struct maqet_writable *added = &writables->items[writables->count++];
    *added = (struct maqet_writable){.kind = kind, .name = name};
    return added;
}

/* ---- the list, as QEMU's own syntax ---- */

struct option {
    const char *name;
    char *value; /* "key=value,key=value"; NULL: none */
    struct maqet_place place;
};

struct options {
    struct option *items;
    size_t count;
};

static void
options_clear(struct options *options)
{
    for (size_t i = 0; i < options->count; i++)
        free(options->items[i].value);
    free(options->items);
}

static char *
value_text(json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return maqet_keyval_render(value);
    const char *text = value ? json_object_get_string(value) : NULL;
    if (!text || *text != '{')
        return maqet_strdup(text);
    json_object *parsed = json_tokener_parse(text);
    char *rendered = json_object_is_type(parsed, json_type_object)
                         ? maqet_keyval_render(parsed)
                         : maqet_strdup(text);
    json_object_put(parsed);
    return rendered;
}

static void
options_add(struct options *options, const char *written, json_object *value,
            struct maqet_place place)
{
    options->items =
        maqet_realloc(options->items, (options->count + 1) * sizeof(*options->items));
    options->items[options->count++] = (struct option){
        .name = maqet_argument_name(written), .value = value_text(value), .place = place};
}

static struct options
options_of(json_object *list)
{
    struct options options = {0};

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, written, value) options_add(
                &options, written, value, maqet_tree_place_of_key(item, written));
        } else if (item) {
            options_add(&options, json_object_get_string(item), NULL,
                        maqet_tree_place_of_item(list, i));
        }
    }
    return options;
}

static char *
property(const struct option *option, const char *key)
{
    return option->value ? maqet_keyval_get(option->value, NULL, key) : NULL;
}

/* The first of these properties that it has. NULL ends the list. */
static char *
first_property(const struct option *option, const char *const *keys)
{
    char *found = NULL;

    for (; !found && *keys; keys++)
        found = property(option, *keys);
    return found;
}

static bool
property_is(const struct option *option, const char *key, const char *wanted)
{
    _cleanup_free_ char *value = property(option, key);

    return value && strcmp(value, wanted) == 0;
}

static bool
property_is_on(const struct option *option, const char *key)
{
    _cleanup_free_ char *value = property(option, key);
    bool on = false;

    return value && maqet_parse_bool(value, &on) && on;
}

static bool
is_option(const struct option *option, const char *name)
{
    return strcmp(option->name, name) == 0;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && strcmp(text + length - size, end) == 0;
}

/* ---- one option and another ---- */

/* Whether another option has this value in a property that may name a node or object:
 * one that begins with @prefix, or any where that is NULL. */
static bool
is_named_by(const struct options *options, const char *option, const char *prefix,
            const char *name)
{
    for (size_t i = 0; i < options->count; i++) {
        const char *at = options->items[i].value;
        char *key, *value;

        if (!at || !is_option(&options->items[i], option))
            continue;
        while (maqet_keyval_next(&at, NULL, &key, &value)) {
            bool is_own = strcmp(key, "id") == 0 || strcmp(key, "node-name") == 0;
            bool names = !is_own && !ends_with(key, "filename") &&
                         (!prefix || maqet_text_starts(key, prefix)) &&
                         strcmp(value, name) == 0;

            free(key);
            free(value);
            if (names)
                return true;
        }
    }
    return false;
}

static const struct option *
with_property(const struct options *options, const char *name, const char *key,
              const char *wanted)
{
    for (size_t i = 0; i < options->count; i++)
        if (is_option(&options->items[i], name) &&
            property_is(&options->items[i], key, wanted))
            return &options->items[i];
    return NULL;
}

/* ---- what each is ---- */

/* Those that have no name of their own get a number each. */
struct numbers {
    unsigned drive, flash, sd, mtd, configuration;
    bool snapshot; /* -snapshot: of all but -blockdev */
};

static struct maqet_writable *
add(struct maqet_writables *found, const struct option *option,
    enum maqet_writable_kind kind, char *name, char *file)
{
    struct maqet_writable *added = maqet_writables_add(found, kind, name);

    added->file = file;
    added->place = maqet_place_text(option->place);
    return added;
}

static void
add_drive(struct maqet_writables *found, const struct option *option,
          struct numbers *numbers)
{
    static const char *const files[] = {"file", "file.filename", "filename", NULL};
    bool flash = property_is(option, "if", "pflash");
    unsigned number = flash ? numbers->flash++ : numbers->drive++;
    _cleanup_free_ char *file = first_property(option, files);
    char *name = property(option, "id");

    /* Without a file or a driver nothing is in it. */
    if ((!file && !strstr(option->value, "driver=")) || (file && !*file) ||
        property_is_on(option, "readonly") || property_is_on(option, "read-only") ||
        property_is(option, "media", "cdrom")) {
        free(name);
        return;
    }
    if (!name)
        name = maqet_format("%s%u", flash ? "pflash" : "drive", number);
    struct maqet_writable *added =
        add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK, name,
            TAKE_PTR(file));
    added->discarded = numbers->snapshot || property_is_on(option, "snapshot");
}

/* A node of its own: one that is below another is the other's. */
static void
add_node(struct maqet_writables *found, const struct options *options,
         const struct option *option)
{
    static const char *const files[] = {"filename", "file.filename", "file.file.filename",
                                        NULL};
    _cleanup_free_ char *name = property(option, "node-name");
    _cleanup_free_ char *below = property(option, "file");

    if (!name || property_is_on(option, "read-only") ||
        is_named_by(options, "blockdev", NULL, name) ||
        is_named_by(options, "drive", "backing", name))
        return;
    const struct option *other =
        below ? with_property(options, "blockdev", "node-name", below) : NULL;
    bool flash = is_named_by(options, "machine", "pflash", name);
    char *file = first_property(other ? other : option, files);
    add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK, TAKE_PTR(name),
        file);
}

static void
add_tpm(struct maqet_writables *found, const struct options *options,
        const struct option *option)
{
    static const char *const files[] = {"path", "addr.path", NULL};
    _cleanup_free_ char *chardev = property(option, "chardev");
    const struct option *socket =
        chardev ? with_property(options, "chardev", "id", chardev) : NULL;
    char *name = property(option, "id");

    add(found, option, MAQET_WRITABLE_TPM, name ? name : maqet_strdup("tpm"),
        first_property(socket ? socket : option, files));
}

/* Memory of a file that a device shows to the guest as persistent. */
static void
add_memory(struct maqet_writables *found, const struct options *options,
           const struct option *option)
{
    static const char *const files[] = {"mem-path", NULL};
    _cleanup_free_ char *name = property(option, "id");

    if (!name ||
        (!maqet_text_starts(option->value, "memory-backend-file") &&
         !property_is(option, "qom-type", "memory-backend-file")) ||
        !property_is_on(option, "share") || property_is_on(option, "readonly") ||
        !is_named_by(options, "device", "memdev", name))
        return;
    add(found, option, MAQET_WRITABLE_MEMORY, TAKE_PTR(name),
        first_property(option, files));
}

/* A file of options: sections such as [drive "x"]. One that can't be read, QEMU can't
 * read either. */
static void
add_configuration(struct maqet_writables *found, const struct option *option,
                  struct numbers *numbers)
{
    unsigned number = numbers->configuration++;
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(option->value, CONFIGURATION_LIMIT, &text, NULL, NULL) < 0 ||
        (!strstr(text, "[drive") && !strstr(text, "[tpmdev") &&
         !strstr(text, "[blockdev")))
        return;
    add(found, option, MAQET_WRITABLE_UNKNOWN, maqet_format("readconfig%u", number),
        maqet_strdup(option->value));
}

/* An option whose value is a file, which is a disk or flash memory. */
static void
add_file(struct maqet_writables *found, const struct option *option,
         struct numbers *numbers)
{
    static const char *const lettered[] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};
    struct maqet_writable *added = NULL;

    for (size_t i = 0; i < sizeof(lettered) / sizeof(*lettered); i++)
        if (is_option(option, lettered[i]))
            added = add(found, option, MAQET_WRITABLE_DISK, maqet_strdup(option->name),
                        maqet_strdup(option->value));
    if (is_option(option, "pflash"))
        added =
            add(found, option, MAQET_WRITABLE_FLASH,
                maqet_format("pflash%u", numbers->flash++), maqet_strdup(option->value));
    if (is_option(option, "sd"))
        added = add(found, option, MAQET_WRITABLE_DISK,
                    maqet_format("sd%u", numbers->sd++), maqet_strdup(option->value));
    if (is_option(option, "mtdblock"))
        added =
            add(found, option, MAQET_WRITABLE_DISK,
                maqet_format("mtdblock%u", numbers->mtd++), maqet_strdup(option->value));
    if (added)
        added->discarded = numbers->snapshot;
}

void
maqet_arguments_writables(json_object *list, struct maqet_writables *writables)
{
    _cleanup_(options_clear) struct options options = options_of(list);
    struct numbers numbers = {0};

    for (size_t i = 0; i < options.count; i++)
        numbers.snapshot = numbers.snapshot || is_option(&options.items[i], "snapshot");
    for (size_t i = 0; i < options.count; i++) {
        const struct option *option = &options.items[i];

        if (!option->value || !*option->value)
            continue;
        if (is_option(option, "drive"))
            add_drive(writables, option, &numbers);
        else if (is_option(option, "blockdev"))
            add_node(writables, &options, option);
        else if (is_option(option, "tpmdev"))
            add_tpm(writables, &options, option);
        else if (is_option(option, "object"))
            add_memory(writables, &options, option);
        else if (is_option(option, "readconfig"))
            add_configuration(writables, option, &numbers);
        else
            add_file(writables, option, &numbers);
    }
}
