/* SPDX-License-Identifier: MIT */
#include "core/vm/definition.h"

#include <errno.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/config/merge.h"
#include "core/config/options.h"
#include "core/config/yaml.h"
#include "core/qemu/arguments.h"

enum { VM_NAME_MAX = 63, FORMAT = 1 };

static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const struct maqet_option top_options[] = {
    {.name = "name", .type = MAQET_OPTION_STRING, .help = "the machine's name"},
    {.name = "binary", .type = MAQET_OPTION_STRING, .help = "QEMU's program"},
    {.name = "accel",
     .type = MAQET_OPTION_CHOICE,
     .choices = accel_words,
     .help = "how the guest's code is run"},
    {.name = "memory", .type = MAQET_OPTION_STRING, .help = "as QEMU's -m takes it"},
    {.name = "cpu", .type = MAQET_OPTION_STRING, .help = "as QEMU's -cpu takes it"},
    {.name = "display",
     .type = MAQET_OPTION_STRING,
     .help = "as QEMU's -display takes it"},
    {.name = "vga", .type = MAQET_OPTION_STRING, .help = "as QEMU's -vga takes it"},
    {.name = "sandbox",
     .type = MAQET_OPTION_BOOL,
     .help = "forbid QEMU what it doesn't need, such as running other programs"},
    {.name = "guest_agent",
     .type = MAQET_OPTION_BOOL,
     .help = "give the guest a port for its qemu-guest-agent"},
    {.name = "storage_dir",
     .type = MAQET_OPTION_PATH,
     .help = "where images without a path of their own go"},
    {.name = NULL},
};

const struct maqet_option *
maqet_definition_options(void)
{
    return top_options;
}

void
maqet_definition_free(struct maqet_definition *definition)
{
    if (!definition)
        return;
    free(definition->name);
    free(definition->uuid);
    json_object_put(definition->tree);
    free(definition);
}

void
maqet_definition_cleanup(struct maqet_definition **definition)
{
    maqet_definition_free(*definition);
}

bool
maqet_vm_name_valid(const char *name)
{
    static const char first[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char more[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    return name[0] && strchr(first, name[0]) && strspn(name, more) == strlen(name) &&
           strlen(name) <= VM_NAME_MAX;
}

/* ---- one tree of all files ---- */

static json_object *
read_files(const struct maqet_strings *files, const struct maqet_strings *assignments,
           struct maqet_error **err)
{
    _cleanup_json_ json_object *tree = NULL;
    _cleanup_free_ char *folder = realpath(".", NULL);

    for (size_t i = 0; i < files->count; i++) {
        json_object *later = maqet_yaml_read(files->items[i], err);

        if (!later)
            return NULL;
        if (!tree) {
            tree = later;
            continue;
        }
        int merged = maqet_merge(tree, later, err);
        json_object_put(later);
        if (merged < 0)
            return NULL;
    }
    for (size_t i = 0; i < assignments->count; i++)
        if (maqet_assign(tree, assignments->items[i], folder ? folder : "/", err) < 0)
            return NULL;
    return TAKE_PTR(tree);
}

/* ---- what can be said without plugins ---- */

static int
check_kind(json_object *tree, const char *key, enum json_type type, const char *wanted,
           struct maqet_error **err)
{
    json_object *value = NULL;

    json_object_object_get_ex(tree, key, &value);
    if (!value || json_object_is_type(value, type))
        return 0;
    return maqet_place_error(maqet_tree_place_of_value(tree, key), err,
                             MAQET_ERROR_INVALID, "'%s' is %s", key, wanted);
}

static int
check_storage_list(json_object *tree, struct maqet_error **err)
{
    json_object *list = NULL;

    if (check_kind(tree, "storage", json_type_array,
                   "a list of drives, each beginning with `- name: ...`", err) < 0)
        return -1;
    if (!json_object_object_get_ex(tree, "storage", &list) || !list)
        return 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);

        if (!json_object_is_type(entry, json_type_object))
            return maqet_place_error(
                maqet_tree_place_of_item(list, i), err, MAQET_ERROR_INVALID,
                "a drive is a mapping such as `name: hdd`, `size: 20G`");
        const char *name = maqet_tree_text(entry, "name");
        for (size_t j = 0; name && j < i; j++) {
            json_object *other = json_object_array_get_idx(list, j);
            const char *taken = maqet_tree_text(other, "name");

            if (!taken || strcmp(name, taken) != 0)
                continue;
            _cleanup_free_ char *first =
                maqet_place_text(maqet_tree_place_of_value(other, "name"));
            return maqet_place_error(
                maqet_tree_place_of_value(entry, "name"), err, MAQET_ERROR_INVALID,
                "two drives are called '%s'; the first is at %s", name, first);
        }
    }
    return 0;
}

static int
check_tree(json_object *tree, struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {top_options, NULL};
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;
    json_object *arguments = NULL;

    maqet_strings_add(&others, "arguments");
    maqet_strings_add(&others, "storage");
    if (maqet_options_check(tree, tables, &others, NULL, err) < 0 ||
        check_kind(tree, "arguments", json_type_array,
                   "a list of QEMU's options, such as `- smp: 2`", err) < 0 ||
        check_storage_list(tree, err) < 0)
        return -1;
    json_object_object_get_ex(tree, "arguments", &arguments);
    return maqet_arguments_check(arguments, err);
}

static int
settle_name(struct maqet_definition *definition, const char *name,
            struct maqet_error **err)
{
    struct maqet_place place = maqet_tree_place_of_value(definition->tree, "name");
    const char *written = maqet_tree_text(definition->tree, "name");

    if (!name && !written) {
        maqet_place_error(maqet_tree_place(definition->tree), err, MAQET_ERROR_INVALID,
                          "the virtual machine has no name");
        maqet_error_hint(err, "Add a line `name: ...`, or use --name");
        return -1;
    }
    if (name)
        place = (struct maqet_place){0};
    else
        name = written;
    if (!maqet_vm_name_valid(name))
        return maqet_place_error(
            place, err, MAQET_ERROR_INVALID,
            "'%s' can't name a virtual machine: a letter or digit, then "
            "letters, digits, '.', '_' and '-', %d characters at most",
            name, VM_NAME_MAX);
    definition->name = maqet_strdup(name);
    /* The stored tree says the name that the machine really has. */
    if (!written || strcmp(written, name) != 0)
        maqet_tree_set(definition->tree, "name", json_object_new_string(definition->name),
                       maqet_tree_place_of_key(definition->tree, "name"),
                       maqet_tree_place_of_value(definition->tree, "name"));
    return 0;
}

static char *
new_uuid(struct maqet_error **err)
{
    char *uuid = NULL;

    if (maqet_file_read("/proc/sys/kernel/random/uuid", 64, &uuid, NULL, err) < 0)
        return NULL;
    uuid[strcspn(uuid, "\n")] = '\0';
    return uuid;
}

struct maqet_definition *
maqet_definition_read(const struct maqet_strings *files,
                      const struct maqet_strings *assignments, const char *name,
                      struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_alloc(sizeof(*definition));

    definition->uuid = new_uuid(err);
    if (!definition->uuid)
        return NULL;
    definition->tree = read_files(files, assignments, err);
    if (!definition->tree || check_tree(definition->tree, err) < 0 ||
        settle_name(definition, name, err) < 0)
        return NULL;
    return TAKE_PTR(definition);
}

/* ---- as a file ---- */

int
maqet_definition_save(const char *path, const struct maqet_definition *definition,
                      struct maqet_error **err)
{
    _cleanup_json_ json_object *file = json_object_new_object();

    json_object_object_add(file, "format", json_object_new_int(FORMAT));
    json_object_object_add(file, "uuid", json_object_new_string(definition->uuid));
    json_object_object_add(file, "definition", maqet_tree_save(definition->tree));
    return maqet_json_write(path, file, err);
}

struct maqet_definition *
maqet_definition_load(const char *path, const char *name, struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_alloc(sizeof(*definition));
    _cleanup_json_ json_object *file = maqet_json_read(path, err);
    json_object *tree = NULL;

    if (!file)
        return NULL;
    json_object_object_get_ex(file, "definition", &tree);
    if (maqet_json_int(file, "format") != FORMAT || !maqet_json_text(file, "uuid") ||
        !tree) {
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "%s is damaged, or was written by a later maqet", path);
        return NULL;
    }
    definition->name = maqet_strdup(name);
    definition->uuid = maqet_strdup(maqet_json_text(file, "uuid"));
    definition->tree = maqet_tree_load(tree, err);
    if (!definition->tree) {
        maqet_error_wrap(err, "%s is damaged", path);
        return NULL;
    }
    return TAKE_PTR(definition);
}
