/* SPDX-License-Identifier: MIT */
#include "core/storage/keys.h"

#include <string.h>

/* The mappings of an entry for the options of one. */
static const char *const full_forms[MAQET_WHOSE_COUNT] = {
    [MAQET_OF_CORE] = "drive_options",
    [MAQET_OF_STORAGE] = "storage_options",
    [MAQET_OF_INTERFACE] = "interface_options",
};

struct sorting {
    struct maqet_drive *drive;
    bool attached;
    struct maqet_error **err;
};

static bool
has_row(const struct maqet_drive *drive, enum maqet_whose whose, const char *key)
{
    for (const struct maqet_option *const *table = drive->options[whose].tables; *table;
         table++)
        if (maqet_options_row(*table, key))
            return true;
    return false;
}

/* Whether a plain key could be either plugin's. */
static bool
is_ambiguous(const struct maqet_drive *drive, const char *key)
{
    return has_row(drive, MAQET_OF_STORAGE, key) &&
           has_row(drive, MAQET_OF_INTERFACE, key);
}

/* Whose a plain key is, unless it is ambiguous; MAQET_WHOSE_COUNT: nobody's. */
static enum maqet_whose
whose_key(const struct maqet_drive *drive, const char *key)
{
    return has_row(drive, MAQET_OF_STORAGE, key)     ? MAQET_OF_STORAGE
           : has_row(drive, MAQET_OF_INTERFACE, key) ? MAQET_OF_INTERFACE
           : has_row(drive, MAQET_OF_CORE, key)      ? MAQET_OF_CORE
                                                     : MAQET_WHOSE_COUNT;
}

/* "drive 'hdd' of VM 'x'", for messages. The caller frees. */
static char *
owner_of(const struct maqet_drive *drive)
{
    return maqet_format("drive '%s' of VM '%s'", drive->name, drive->machine->vm_name);
}

/* Whose options they are, for messages: "the storage 'NAME'". The caller frees. */
static char *
words_for(const struct maqet_drive *drive, enum maqet_whose whose)
{
    return whose == MAQET_OF_STORAGE
               ? maqet_format("the storage '%s'", drive->storage->plugin.name)
           : whose == MAQET_OF_INTERFACE
               ? maqet_format("the interface '%s'", drive->iface->plugin.name)
               : maqet_strdup("every drive");
}

/* ---- mistakes ---- */

static int
error_ambiguous(const struct sorting *sorting, struct maqet_place place, const char *key,
                const char *what)
{
    const struct maqet_drive *drive = sorting->drive;
    _cleanup_free_ char *owner = owner_of(drive);
    _cleanup_free_ char *storage = words_for(drive, MAQET_OF_STORAGE);
    _cleanup_free_ char *interface = words_for(drive, MAQET_OF_INTERFACE);

    maqet_place_invalid(place, sorting->err,
                        "'%s' of %s %s: %s and %s both have an option of that name", key,
                        owner, what, storage, interface);
    maqet_error_hint(sorting->err, "For %s, write `%s: {%s: ...}`", storage,
                     full_forms[MAQET_OF_STORAGE], key);
    maqet_error_hint(sorting->err, "For %s, write `%s: {%s: ...}`", interface,
                     full_forms[MAQET_OF_INTERFACE], key);
    return -1;
}

static void
add_names(struct maqet_strings *names, const struct maqet_drive *drive,
          enum maqet_whose whose)
{
    for (const struct maqet_option *const *table = drive->options[whose].tables; *table;
         table++)
        for (const struct maqet_option *row = *table; row->name; row++)
            if (!maqet_strings_has(names, row->name))
                maqet_strings_add(names, row->name);
}

/* @whose: in its full form; MAQET_WHOSE_COUNT: a plain key. */
static int
error_unknown(const struct sorting *sorting, json_object *mapping, const char *key,
              enum maqet_whose whose)
{
    const struct maqet_drive *drive = sorting->drive;
    struct maqet_place place = maqet_tree_place_of_key(mapping, key);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_free_ char *owner = owner_of(drive);
    bool plain = whose == MAQET_WHOSE_COUNT;
    _cleanup_free_ char *in =
        plain ? TAKE_PTR(owner) : maqet_format("'%s' of %s", full_forms[whose], owner);
    enum maqet_whose right = whose_key(drive, key);

    if (!plain && right != MAQET_WHOSE_COUNT) {
        _cleanup_free_ char *words = words_for(drive, right);

        return maqet_place_invalid(place, sorting->err,
                                   "'%s' in %s is an option of %s; write it below '%s'",
                                   key, in, words, full_forms[right]);
    }
    for (int i = 0; i < MAQET_WHOSE_COUNT; i++)
        if (plain || (int)whose == i)
            add_names(&names, drive, (enum maqet_whose)i);
    _cleanup_free_ char *list = maqet_strings_join(&names, ", ");
    for (int i = 0; plain && i < MAQET_WHOSE_COUNT; i++)
        maqet_strings_add(&names, full_forms[i]);
    const char *closest = maqet_text_closest(key, &names);
    return maqet_place_invalid(place, sorting->err, "unknown key '%s' in %s; %s%s%s", key,
                               in, closest ? "did you mean '" : "there are: ",
                               closest ? closest
                               : *list ? list
                                       : "none",
                               closest ? "'?" : "");
}

static int
error_twice(const struct sorting *sorting, struct maqet_place place,
            struct maqet_place first, const char *key, enum maqet_whose whose)
{
    _cleanup_free_ char *owner = owner_of(sorting->drive);
    _cleanup_free_ char *at = maqet_place_text(first);

    return maqet_place_invalid(place, sorting->err,
                               "%s has '%s' twice: beside '%s' and below it; the other "
                               "one is at %s",
                               owner, key, full_forms[whose], at);
}

static int
error_plain_only(const struct sorting *sorting, json_object *mapping, const char *key)
{
    _cleanup_free_ char *owner = owner_of(sorting->drive);

    return maqet_place_invalid(maqet_tree_place_of_key(mapping, key), sorting->err,
                               "'%s' of %s must be beside '%s', not below it", key, owner,
                               full_forms[MAQET_OF_CORE]);
}

static int
error_mapping(const struct sorting *sorting, const char *form)
{
    _cleanup_free_ char *owner = owner_of(sorting->drive);

    return maqet_place_invalid(
        maqet_tree_place_of_value(sorting->drive->tree, form), sorting->err,
        "'%s' of %s must be a mapping of keys and values", form, owner);
}

static int
error_no_interface(const struct sorting *sorting)
{
    const char *form = full_forms[MAQET_OF_INTERFACE];
    _cleanup_free_ char *owner = owner_of(sorting->drive);

    return maqet_place_invalid(
        maqet_tree_place_of_key(sorting->drive->tree, form), sorting->err,
        "%s has '%s', but no interface plugin attaches it", owner, form);
}

/* ---- sorting ---- */

/* Adds a key of @mapping to those of @whose. A null takes nothing back. */
static int
add_key(const struct sorting *sorting, enum maqet_whose whose, json_object *mapping,
        const char *key)
{
    json_object *tree = sorting->drive->options[whose].tree;
    json_object *value = json_object_object_get(mapping, key);

    if (!value)
        return 0;
    if (json_object_object_get(tree, key))
        return error_twice(sorting, maqet_tree_place_of_key(mapping, key),
                           maqet_tree_place_of_key(tree, key), key, whose);
    maqet_tree_set(tree, key, json_object_get(value),
                   maqet_tree_place_of_key(mapping, key),
                   maqet_tree_place_of_value(mapping, key));
    return 0;
}

static void
sort_plain(const struct sorting *sorting, const char *key, json_object *value)
{
    struct maqet_drive *drive = sorting->drive;
    enum maqet_whose whose = whose_key(drive, key);

    for (int i = 0; i < MAQET_WHOSE_COUNT; i++)
        if (strcmp(key, full_forms[i]) == 0)
            return;
    if (is_ambiguous(drive, key) && value)
        error_ambiguous(sorting, maqet_tree_place_of_key(drive->tree, key), key,
                        "is ambiguous");
    else if (is_ambiguous(drive, key))
        return;
    else if (whose != MAQET_WHOSE_COUNT)
        add_key(sorting, whose, drive->tree, key);
    else if (sorting->attached)
        error_unknown(sorting, drive->tree, key, MAQET_WHOSE_COUNT);
}

/* These say what the entry is, before its tables are known. */
static bool
is_plain_only(enum maqet_whose whose, const char *key)
{
    static const char *const keys[] = {"name", "type", "interface", NULL};

    return whose == MAQET_OF_CORE && maqet_text_is_one_of(key, keys);
}

static void
sort_full_key(const struct sorting *sorting, enum maqet_whose whose, json_object *mapping,
              const char *key)
{
    if (is_plain_only(whose, key))
        error_plain_only(sorting, mapping, key);
    else if (has_row(sorting->drive, whose, key))
        add_key(sorting, whose, mapping, key);
    else
        error_unknown(sorting, mapping, key, whose);
}

static void
sort_full(const struct sorting *sorting, enum maqet_whose whose)
{
    struct maqet_drive *drive = sorting->drive;
    const char *form = full_forms[whose];
    json_object *mapping = json_object_object_get(drive->tree, form);

    struct maqet_error *error = NULL; /* of one key */
    const struct sorting one = {
        .drive = drive, .attached = sorting->attached, .err = &error};

    if (!mapping || (whose == MAQET_OF_INTERFACE && !sorting->attached))
        return;
    if (!json_object_is_type(mapping, json_type_object)) {
        error_mapping(sorting, form);
        return;
    }
    if (whose == MAQET_OF_INTERFACE && !drive->iface &&
        json_object_object_length(mapping) > 0) {
        error_no_interface(sorting);
        return;
    }
    json_object_object_foreach(mapping, key, value)
    {
        (void)value;
        sort_full_key(&one, whose, mapping, key);
        maqet_error_add(sorting->err, &error);
    }
}

/* ---- checking ---- */

/* A required key that must be written in its full form. */
static int
check_required(const struct sorting *sorting, enum maqet_whose whose)
{
    struct maqet_drive *drive = sorting->drive;

    for (const struct maqet_option *row = drive->options[whose].tables[0];
         row && row->name; row++)
        if (row->flags & MAQET_REQUIRED && is_ambiguous(drive, row->name) &&
            !json_object_object_get(drive->options[whose].tree, row->name))
            return error_ambiguous(sorting, maqet_tree_place(drive->tree), row->name,
                                   "is missing");
    return 0;
}

/* Writes the paths that became absolute into the entry, too. */
static void
write_back(struct maqet_drive *drive, enum maqet_whose whose)
{
    json_object *tree = drive->options[whose].tree;
    json_object *full = json_object_object_get(drive->tree, full_forms[whose]);

    json_object_object_foreach(tree, key, value)
    {
        json_object *container = json_object_is_type(full, json_type_object) &&
                                         json_object_object_get(full, key)
                                     ? full
                                     : drive->tree;

        if (json_object_object_get(container, key) != value)
            maqet_tree_set(container, key, json_object_get(value),
                           maqet_tree_place_of_key(tree, key),
                           maqet_tree_place_of_value(tree, key));
    }
}

/* The size of a disk without a unit is mostly a mistake. Other sizes, such as that of a
 * cluster, may be small. */
static int
check_disk_size(const struct sorting *sorting)
{
    const struct maqet_drive *drive = sorting->drive;
    json_object *tree = drive->options[MAQET_OF_STORAGE].tree;
    const char *option = drive->storage->plugin.size_option;
    const char *text = option ? maqet_tree_text(tree, option) : NULL;
    uint64_t bytes;

    if (!text || !maqet_parse_size(text, &bytes))
        return 0;
    _cleanup_free_ char *doubt = maqet_size_doubt(text, bytes);
    _cleanup_free_ char *owner = owner_of(drive);
    return doubt ? maqet_place_invalid(maqet_tree_place_of_value(tree, option),
                                       sorting->err, "'%s' of %s is '%s', which %s",
                                       option, owner, text, doubt)
                 : 0;
}

static void
check_keys(const struct sorting *sorting, enum maqet_whose whose)
{
    struct maqet_drive *drive = sorting->drive;
    struct maqet_drive_options *options = &drive->options[whose];
    _cleanup_free_ char *owner = owner_of(drive);

    if (check_required(sorting, whose) < 0)
        return;
    maqet_options_check(options->tree, options->tables, NULL, owner, sorting->err);
    write_back(drive, whose);
}

/* Goes on after a mistake: of a drive that cannot be used, as much as possible is known, and
 * the user can correct all mistakes at once. */
int
maqet_keys_sort(struct maqet_drive *drive, bool attached, struct maqet_error **err)
{
    struct maqet_error *error = NULL; /* of one step */
    const struct sorting sorting = {.drive = drive, .attached = attached, .err = &error};
    bool wrong = false;

    for (int i = 0; i < MAQET_WHOSE_COUNT; i++)
        drive->options[i].tree = maqet_tree_mapping(maqet_tree_place(drive->tree));
    json_object_object_foreach(drive->tree, key, value)
    {
        sort_plain(&sorting, key, value);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    for (int i = 0; i < MAQET_WHOSE_COUNT; i++) {
        sort_full(&sorting, (enum maqet_whose)i);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    check_disk_size(&sorting);
    wrong |= maqet_error_add(err, &error) < 0;
    for (int i = 0; i < MAQET_WHOSE_COUNT; i++) {
        if (attached || i != MAQET_OF_INTERFACE)
            check_keys(&sorting, (enum maqet_whose)i);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* ---- for others ---- */

enum { CONTAINERS = 4 };

/* The mappings of an entry in which an option may be written; NULL: it has none. */
static void
containers_of(json_object *entry, enum maqet_whose whose,
              json_object *containers[CONTAINERS])
{
    json_object *nested = json_object_object_get(entry, "options");

    containers[0] = json_object_object_get(entry, full_forms[whose]);
    containers[1] = json_object_object_get(nested, full_forms[whose]);
    containers[2] = entry;
    containers[3] = nested;
}

static json_object *
container_of(json_object *entry, enum maqet_whose whose, const char *option)
{
    json_object *containers[CONTAINERS];

    containers_of(entry, whose, containers);
    for (size_t i = 0; i < CONTAINERS; i++)
        if (maqet_tree_text(containers[i], option))
            return containers[i];
    return NULL;
}

static void
remove_option(json_object *entry, enum maqet_whose whose, const char *option)
{
    json_object *containers[CONTAINERS];

    containers_of(entry, whose, containers);
    for (size_t i = 0; i < CONTAINERS; i++)
        if (json_object_is_type(containers[i], json_type_object))
            json_object_object_del(containers[i], option);
}

json_object *
maqet_keys_container(json_object *entry, const char *option)
{
    return container_of(entry, MAQET_OF_STORAGE, option);
}

void
maqet_keys_remove(json_object *entry, const char *option)
{
    remove_option(entry, MAQET_OF_STORAGE, option);
}

/* A null elsewhere would be the same option twice. */
void
maqet_keys_set_core(json_object *entry, const char *option, const char *value,
                    struct maqet_place place)
{
    json_object *container = container_of(entry, MAQET_OF_CORE, option);

    if (!container) {
        remove_option(entry, MAQET_OF_CORE, option);
        container = entry;
    }
    maqet_tree_set(container, option, json_object_new_string(value), place, place);
}

void
maqet_keys_set_storage(json_object *entry, const char *option, const char *value)
{
    json_object *container = maqet_keys_container(entry, option);

    if (!container) {
        maqet_keys_remove(entry, option);
        container = entry;
    }
    struct maqet_place place = maqet_tree_place(container);
    maqet_tree_set(container, option, json_object_new_string(value), place, place);
}

char *
maqet_keys_readonly(const struct maqet_drive *drive)
{
    const char *option = drive->storage->plugin.readonly_option;

    if (!option)
        return NULL;
    return is_ambiguous(drive, option)
               ? maqet_format("`%s: {%s: on}`", full_forms[MAQET_OF_STORAGE], option)
               : maqet_format("`%s: on`", option);
}
