/* SPDX-License-Identifier: MIT */
#include "core/machine/definition.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/config/options.h"
#include "core/config/saved.h"
#include "core/config/yaml.h"
#include "core/machine/cloud_init.h"
#include "core/machine/firmware.h"
#include "core/machine/keys.h"
#include "core/machine/login.h"
#include "core/machine/merge.h"
#include "core/machine/network.h"
#include "core/qemu/argument_check.h"
#include "core/qemu/arguments.h"

enum { FORMAT = 1 };

static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const char *const firmware_words[] = {"bios", "uefi", NULL};
static const char *const serial_words[] = {"console", "none", NULL};
const struct maqet_option maqet_definition_options[] = {
    {MAQET_OPTION("name", STRING, "the VM's name")},
    {MAQET_OPTION("binary", STRING, "QEMU's program")},
    {MAQET_OPTION("accel", CHOICE, "how the guest's code is run"),
     .choices = accel_words},
    {MAQET_OPTION("machine", STRING, "QEMU's machine type")},
    {MAQET_OPTION("firmware", CHOICE, "what boots the guest"), .choices = firmware_words},
    {MAQET_OPTION("memory", STRING, "the value of QEMU's -m")},
    {MAQET_OPTION("vcpus", INT, "the number of vCPUs"), .flags = MAQET_LIMITS,
     .minimum = 1, .maximum = MAQET_KEYS_VCPUS_MAX},
    {MAQET_OPTION("cpu", STRING, "the value of QEMU's -cpu, or a number of vCPUs")},
    {MAQET_OPTION("display", STRING, "the value of QEMU's -display")},
    {MAQET_OPTION("vga", STRING, "the value of QEMU's -vga")},
    {MAQET_OPTION("serial", CHOICE, "the guest's first serial port"),
     .choices = serial_words},
    {MAQET_OPTION("run_as", STRING,
                  "the user that QEMU switches to when root starts the VM")},
    {MAQET_OPTION("guest_agent", BOOL, "give the guest a port for qemu-guest-agent")},
    {MAQET_OPTION("generation_id", BOOL,
                  "tell the guest when it was copied or taken back in time")},
    {MAQET_OPTION("hotplug_slots", INT,
                  "how many drives can be attached while it is running, on q35 and virt"),
     .flags = MAQET_LIMITS, .minimum = 0, .maximum = 24},
    {MAQET_OPTION("shared_memory", BOOL,
                  "let programs for drives map the guest's memory")},
    {MAQET_OPTION("storage_dir", PATH, "where images without a `file` are created")},
    {MAQET_OPTION("cloud_init", MAP, "what cloud-init in the guest is to set up"),
     .options = maqet_cloud_init_options},
    {MAQET_OPTION("ssh", MAP, "how one logs in to the guest"),
     .options = maqet_login_options},
    {.name = NULL},
};

const struct maqet_option maqet_definition_sandbox_options[] = {
    {MAQET_OPTION("seccomp", BOOL, "QEMU's own filter of system calls")},
    {MAQET_OPTION("landlock", BOOL,
                  "the kernel's limits on the files that QEMU can open")},
    {.name = NULL},
};

void
maqet_definition_free(struct maqet_definition *definition)
{
    if (!definition)
        return;
    free(definition->name);
    free(definition->uuid);
    json_object_put(definition->tree);
    maqet_added_clear(&definition->added);
    free(definition);
}

/* ---- from files to one tree ---- */

/* Adds all mistakes. NULL: there is no tree. */
static json_object *
read_files(const struct maqet_strings *files, const struct maqet_strings *assignments,
           struct maqet_error **err)
{
    _cleanup_json_ json_object *tree = NULL;
    _cleanup_free_ char *folder = realpath(".", NULL);
    struct maqet_error *error = NULL; /* of one file or assignment */
    bool merged = true;

    for (size_t i = 0; i < files->count; i++) {
        _cleanup_json_ json_object *later = maqet_yaml_read(files->items[i], &error);

        merged &= maqet_error_add(err, &error) == 0;
        if (!later)
            continue;
        /* In each file, because merging removes what a later one replaces. */
        maqet_arguments_check_repeated(json_object_object_get(later, "arguments"),
                                       &error);
        maqet_error_add(err, &error);
        if (!tree)
            tree = TAKE_PTR(later);
        else
            maqet_merge(tree, later, &error);
        merged &= maqet_error_add(err, &error) == 0;
    }
    for (size_t i = 0; merged && i < assignments->count; i++) {
        maqet_assign(tree, assignments->items[i], folder ? folder : "/", &error);
        maqet_error_add(err, &error);
    }
    return merged ? TAKE_PTR(tree) : NULL;
}

/* ---- checks that need no plugins ---- */

static int
check_list(json_object *mapping, const char *key, const char *of,
           struct maqet_error **err)
{
    json_object *value = json_object_object_get(mapping, key);

    if (!value || json_object_is_type(value, json_type_array))
        return 0;
    return maqet_place_invalid(maqet_tree_place_of_value(mapping, key), err,
                               "'%s' must be a list of %s", key, of);
}

static int
error_name_taken(json_object *entry, json_object *other, struct maqet_error **err)
{
    _cleanup_free_ char *first =
        maqet_place_text(maqet_tree_place_of_value(other, "name"));

    return maqet_place_invalid(maqet_tree_place_of_value(entry, "name"), err,
                               "two drives are named '%s'; the first is at %s",
                               maqet_tree_text(entry, "name"), first);
}

static int
check_storage_list(json_object *tree, struct maqet_error **err)
{
    _cleanup_json_ json_object *named = json_object_new_object(); /* by their names */
    json_object *list = json_object_object_get(tree, "storage"), *other;
    struct maqet_error *error = NULL; /* of one entry */
    bool wrong = false;

    if (check_list(tree, "storage", "drives, each beginning with `- name: ...`", err) < 0)
        return -1;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *name = json_object_is_type(entry, json_type_object)
                               ? maqet_tree_text(entry, "name")
                               : NULL;

        if (!json_object_is_type(entry, json_type_object))
            maqet_place_invalid(maqet_tree_place_of_item(list, i), &error,
                                "a drive is a mapping such as `name: hdd`, `size: 20G`");
        else if (name && json_object_object_get_ex(named, name, &other))
            error_name_taken(entry, other, &error);
        else if (name)
            json_object_object_add(named, name, json_object_get(entry));
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* A list of the key `sandbox`. */
static int
check_paths(json_object *mapping, const char *key, struct maqet_error **err)
{
    json_object *list = json_object_object_get(mapping, key);
    struct maqet_error *error = NULL; /* of one item */
    bool wrong = false;

    if (check_list(mapping, key, "paths, such as [/srv/isos]", err) < 0)
        return -1;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string) ||
            json_object_get_string_len(item) == 0)
            maqet_place_invalid(maqet_tree_place_of_item(list, i), &error,
                                "an item of '%s' is not a path", key);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* The key `sandbox`: on, off, or a mapping. */
static int
check_sandbox(json_object *tree, struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {maqet_definition_sandbox_options,
                                                        NULL};
    _cleanup_strings_ struct maqet_strings lists = MAQET_STRINGS_INIT;
    json_object *value = json_object_object_get(tree, "sandbox");
    const char *text = maqet_tree_text(tree, "sandbox");
    struct maqet_place place = maqet_tree_place_of_value(tree, "sandbox");
    bool on;

    if (!value || (text && maqet_parse_bool(text, &on)))
        return 0;
    if (text) {
        maqet_place_invalid(place, err, "'sandbox' is '%s'; it can be: on, off", text);
        maqet_error_hint(err, "It can also be a mapping: `sandbox: {read: [PATH], "
                              "write: [PATH]}`");
        return -1;
    }
    if (!json_object_is_type(value, json_type_object))
        return maqet_place_invalid(place, err,
                                   "'sandbox' must be on, off, or a mapping such as "
                                   "`read: [/srv/isos]`");
    maqet_strings_add(&lists, "read");
    maqet_strings_add(&lists, "write");
    struct maqet_error *error = NULL;
    bool wrong = maqet_options_check(value, tables, &lists, "sandbox", err) < 0;
    check_paths(value, "read", &error);
    wrong |= maqet_error_add(err, &error) < 0;
    check_paths(value, "write", &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

/* ---- all of it ---- */

static int
check_arguments(json_object *tree, struct maqet_error **err)
{
    json_object *arguments = json_object_object_get(tree, "arguments");
    const struct maqet_qemu_manner any = {0};

    if (check_list(tree, "arguments", "QEMU's options, such as `- smp: 2`", err) < 0)
        return -1;
    return maqet_arguments_check(arguments, err) < 0
               ? -1
               : maqet_arguments_check_allowed(arguments, &any, err);
}

static int
check_ports(json_object *tree, struct maqet_error **err)
{
    return check_list(tree, "ports", "HOST:GUEST, such as \"2222:22\"", err) < 0
               ? -1
               : maqet_network_check(tree, err);
}

static int
check_options(json_object *tree, struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {maqet_definition_options, NULL};
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;

    maqet_strings_add(&others, "arguments");
    maqet_strings_add(&others, "network");
    maqet_strings_add(&others, "ports");
    maqet_strings_add(&others, "sandbox");
    maqet_strings_add(&others, "storage");
    return maqet_options_check(tree, tables, &others, NULL, err);
}

/* Adds all mistakes. */
static int
check_tree(json_object *tree, struct maqet_error **err)
{
    int (*const checks[])(json_object *, struct maqet_error **) = {
        maqet_cloud_init_check, maqet_login_check, check_options,
        maqet_keys_check,       check_ports,       maqet_firmware_check,
        check_storage_list,     check_sandbox,     check_arguments};
    struct maqet_error *error = NULL; /* of one check */
    bool wrong = false;

    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        checks[i](tree, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* ---- the name ---- */

/* The tree has the name that the machine really has: not that of a file, nor the one before
 * it was renamed. */
static void
keep_name(struct maqet_definition *definition)
{
    json_object *tree = definition->tree;
    const char *written = maqet_tree_text(tree, "name");

    if (!json_object_is_type(tree, json_type_object) ||
        (written && strcmp(written, definition->name) == 0))
        return;
    maqet_tree_set(tree, "name", json_object_new_string(definition->name),
                   maqet_tree_place_of_key(tree, "name"),
                   maqet_tree_place_of_value(tree, "name"));
}

/* @name is the requested one; NULL: as the files say. */
static int
settle_name(struct maqet_definition *definition, const char *name,
            const struct maqet_strings *files, struct maqet_error **err)
{
    json_object *tree = definition->tree;
    const char *written = maqet_tree_text(tree, "name");
    struct maqet_place place = {0};

    if (!name && written) {
        name = written;
        place = maqet_tree_place_of_value(tree, "name");
    }
    definition->name =
        name ? maqet_strdup(name) : maqet_vm_name_after_file(tree, files, err);
    if (!definition->name)
        return -1;
    if (!maqet_vm_name_valid(definition->name))
        return maqet_place_invalid(place, err, "invalid VM name '%s': %s",
                                   definition->name, MAQET_VM_NAME_RULE);
    keep_name(definition);
    return 0;
}

char *
maqet_definition_new_uuid(struct maqet_error **err)
{
    char *uuid = NULL;

    if (maqet_file_read("/proc/sys/kernel/random/uuid", 64, &uuid, NULL, err) < 0)
        return NULL;
    uuid[strcspn(uuid, "\n")] = '\0';
    return uuid;
}

/* Keeps only what tells which drives there are, and is of the right form. */
static void
keep_drives(json_object *tree)
{
    static const char *const kept[] = {"name", "binary", "storage_dir", "storage", NULL};
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;
    json_object *list = json_object_object_get(tree, "storage");

    json_object_object_foreach(tree, key, value)
    {
        (void)value;
        if (!maqet_text_is_one_of(key, kept))
            maqet_strings_add(&others, key);
    }
    for (size_t i = 0; i < others.count; i++)
        json_object_object_del(tree, others.items[i]);
    bool drives = json_object_is_type(list, json_type_array);
    for (size_t i = 0; drives && i < json_object_array_length(list); i++)
        drives =
            json_object_is_type(json_object_array_get_idx(list, i), json_type_object);
    if (!drives)
        json_object_object_del(tree, "storage");
}

/* Checks a definition that has a tree, and gives it its name. */
static void
check(struct maqet_definition *definition, const char *name,
      const struct maqet_strings *files, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    bool wrong = check_tree(definition->tree, err) < 0;

    settle_name(definition, name, files, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    if (wrong)
        keep_drives(definition->tree);
    if (!definition->name)
        definition->name = maqet_strdup("?");
}

struct maqet_definition *
maqet_definition_draft(const struct maqet_strings *files,
                       const struct maqet_strings *assignments, const char *name,
                       struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_alloc(sizeof(*definition));

    definition->defaults = MAQET_DEFAULTS;
    definition->uuid = maqet_definition_new_uuid(err);
    if (!definition->uuid)
        return NULL;
    /* Before they are read: what is changed meanwhile counts as changed. */
    maqet_added_note(&definition->added, files, assignments);
    definition->tree = read_files(files, assignments, err);
    if (!definition->tree)
        return NULL;
    check(definition, name, files, err);
    return TAKE_PTR(definition);
}

struct maqet_definition *
maqet_definition_read(const struct maqet_strings *files,
                      const struct maqet_strings *assignments, const char *name,
                      struct maqet_error **err)
{
    struct maqet_error *mistakes = NULL;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_draft(files, assignments, name, &mistakes);

    if (!mistakes)
        return TAKE_PTR(definition);
    maqet_error_move(err, mistakes);
    return NULL;
}

json_object *
maqet_definition_entries(const struct maqet_definition *definition)
{
    json_object *list = json_object_object_get(definition->tree, "storage");
    json_object *entries = maqet_tree_sequence(maqet_tree_place(definition->tree));
    json_object *entry = maqet_cloud_init_entry(definition->tree, definition->uuid);

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++)
        maqet_tree_append(entries, json_object_get(json_object_array_get_idx(list, i)),
                          maqet_tree_place_of_item(list, i));
    if (entry)
        maqet_tree_append(entries, entry, maqet_tree_place(entry));
    return entries;
}

struct maqet_definition *
maqet_definition_draft_of_tree(json_object *tree, const char *name,
                               struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_alloc(sizeof(*definition));
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    definition->tree = tree;
    definition->defaults = MAQET_DEFAULTS;
    definition->uuid = maqet_definition_new_uuid(err);
    if (!definition->uuid)
        return NULL;
    check(definition, name, &none, err);
    return TAKE_PTR(definition);
}

/* ---- as a file ---- */

json_object *
maqet_definition_to_json(const struct maqet_definition *definition)
{
    json_object *defaults =
        definition->defaults > 0 ? json_object_new_int((int)definition->defaults) : NULL;

    /* One without it has the form that an earlier maqet wrote. */
    return maqet_json_object("format", json_object_new_int(FORMAT), "uuid",
                             json_object_new_string(definition->uuid), "defaults",
                             defaults, "definition", maqet_tree_save(definition->tree),
                             "added", maqet_added_to_json(&definition->added), NULL);
}

int
maqet_definition_save(const char *path, const struct maqet_definition *definition,
                      struct maqet_error **err)
{
    _cleanup_json_ json_object *file = maqet_definition_to_json(definition);

    return maqet_json_write(path, file, err);
}

struct maqet_definition *
maqet_definition_from_json(json_object *file, const char *path, const char *name,
                           struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_alloc(sizeof(*definition));
    json_object *tree = json_object_object_get(file, "definition");
    int64_t defaults = maqet_json_int(file, "defaults");

    if (maqet_json_int(file, "format") != FORMAT || !maqet_json_text(file, "uuid") ||
        !tree || defaults < 0 || defaults > MAQET_DEFAULTS) {
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "%s is damaged, or was written by a later version of maqet",
                        path);
        return NULL;
    }
    definition->name = maqet_strdup(name);
    definition->defaults = (unsigned)defaults;
    definition->uuid = maqet_strdup(maqet_json_text(file, "uuid"));
    definition->tree = maqet_tree_load(tree, err);
    if (!definition->tree) {
        maqet_error_wrap(err, "%s is damaged", path);
        return NULL;
    }
    maqet_added_from_json(json_object_object_get(file, "added"), &definition->added);
    keep_name(definition);
    return TAKE_PTR(definition);
}

struct maqet_definition *
maqet_definition_load(const char *path, const char *name, struct maqet_error **err)
{
    _cleanup_json_ json_object *file = maqet_json_read(path, err);

    return file ? maqet_definition_from_json(file, path, name, err) : NULL;
}
