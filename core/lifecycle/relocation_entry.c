/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_entry.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/options.h"
#include "core/storage/keys.h"

/* The mapping in an entry for options of its storage alone. */
#define STORAGE_FORM "storage_options"

static struct maqet_place
here(void)
{
    static char folder[1] = "/";

    return (struct maqet_place){.file = MAQET_COMMAND_LINE, .folder = folder};
}

/* Sets an option, where the entry has it or else plainly. */
static void
set(json_object *entry, const char *option, const char *value)
{
    json_object *container = maqet_keys_container(entry, option);

    maqet_tree_set(container ? container : entry, option, json_object_new_string(value),
                   here(), here());
}

/* Whether an option only says how an image is created, and nothing about what is in it. */
static bool
is_of_creation(const struct maqet_option *row)
{
    switch (row->type) {
    case MAQET_OPTION_PATH:
    case MAQET_OPTION_MAP:
    case MAQET_OPTION_LIST:
    case MAQET_OPTION_SECRET:
        return false;
    default:
        return true;
    }
}

/* The options in a mapping that only the old type has. */
static int
leave_out(const struct maqet_drive *drive, const struct maqet_storage *type,
          json_object *mapping, struct maqet_strings *dropped, struct maqet_error **err)
{
    const struct maqet_option *old = drive->storage->common.options;
    _cleanup_strings_ struct maqet_strings gone = MAQET_STRINGS_INIT;

    if (!json_object_is_type(mapping, json_type_object))
        return 0;
    json_object_object_foreach(mapping, key, value)
    {
        const struct maqet_option *row = maqet_options_row(old, key);

        if (!row || !value || maqet_options_row(type->common.options, key))
            continue;
        if (strcmp(key, drive->storage->plugin.path_option) != 0) {
            if (!is_of_creation(row))
                return maqet_drive_error(
                    drive, key, err, MAQET_ERROR_UNSUPPORTED,
                    "the type %s has no '%s', so the new image would lack what that "
                    "says",
                    type->plugin.name, key);
            maqet_strings_add(dropped, key);
        }
        maqet_strings_add(&gone, key);
    }
    for (size_t i = 0; i < gone.count; i++)
        json_object_object_del(mapping, gone.items[i]);
    return 0;
}

/* Its device must stay the same, also if the new type is attached to another one by default. */
static void
keep_interface(const struct maqet_drive *drive, json_object *entry)
{
    if (drive->iface && !maqet_tree_text(entry, "interface"))
        set(entry, "interface", drive->iface->plugin.name);
}

json_object *
maqet_relocation_entry(const struct maqet_drive *drive, json_object *entry,
                       const struct maqet_storage *type, const char *path,
                       struct maqet_strings *dropped, struct maqet_error **err)
{
    json_object *copy = maqet_tree_copy(entry);
    const struct maqet_storage *storage = type ? type : drive->storage;

    if (type) {
        json_object *full = json_object_object_get(copy, STORAGE_FORM);

        if (leave_out(drive, type, copy, dropped, err) < 0 ||
            leave_out(drive, type, full, dropped, err) < 0) {
            json_object_put(copy);
            return NULL;
        }
        set(copy, "type", type->plugin.name);
        if (strcmp(
                drive->storage->plugin.interface ? drive->storage->plugin.interface : "",
                type->plugin.interface ? type->plugin.interface : "") != 0)
            keep_interface(drive, copy);
    }
    set(copy, storage->plugin.path_option, path);
    return copy;
}

void
maqet_relocation_entry_size(json_object *entry, const struct maqet_storage *type,
                            uint64_t bytes)
{
    _cleanup_free_ char *size = maqet_text_size(bytes);

    if (type->plugin.size_option)
        set(entry, type->plugin.size_option, size);
}
