/* SPDX-License-Identifier: MIT */
#include "cli/drives.h"

#include "cli/fields.h"
#include "core/machine/check.h"
#include "core/storage/image.h"

/* How it is attached; NULL for a share, which is no block device. */
static const char *
interface_of(const struct maqet_drive *drive)
{
    if (drive->iface)
        return drive->iface->plugin.name;
    if (drive->fault)
        return maqet_tree_text(drive->tree, "interface");
    return drive->storage->plugin.interface ? "none" : NULL;
}

static const char *
media_of(const struct maqet_drive *drive)
{
    if (!drive->storage->plugin.interface)
        return NULL;
    return drive->media == MAQET_MEDIA_CDROM ? "cdrom" : "disk";
}

/* The image, or what else the drive is made of: what its type can't do without comes
 * first in the table of its options. */
static const char *
file_of(const struct maqet_drive *drive)
{
    const struct maqet_option *option = drive->storage->common.options;

    if (drive->path || drive->storage->plugin.path_option)
        return drive->path;
    for (; option->name; option++)
        if (option->type == MAQET_OPTION_PATH || option->required)
            return maqet_drive_text(drive, option->name);
    return NULL;
}

static json_object *
describe(const struct maqet_drive *drive)
{
    json_object *row = json_object_new_object();

    field_text(row, "name", drive->name);
    field_text(row, "type", drive->storage->plugin.name);
    field_text(row, "interface", interface_of(drive));
    field_text(row, "media", media_of(drive));
    field_text(row, "file", file_of(drive));
    return row;
}

/* A list of sentences; empty where no damage is to be seen. */
static void
add_damage(const struct maqet_drive *drive, bool running, json_object *row)
{
    _cleanup_strings_ struct maqet_strings damage = MAQET_STRINGS_INIT;

    maqet_vm_drive_damage(drive, running, &damage);
    field_strings(row, "damage", &damage);
    for (size_t i = 0; i < damage.count; i++)
        maqet_context_say(
            drive->context, MAQET_LEVEL_WARNING,
            "Drive '%s' of VM '%s': %s. See what is wrong: maqet check %s %s",
            drive->name, drive->machine->vm_name, damage.items[i],
            drive->machine->vm_name, drive->name);
}

/* What keeps it from being used; null where nothing does. */
static void
add_fault(const struct maqet_drive *drive, json_object *row)
{
    field_text(row, "fault", drive->fault ? drive->fault->message : NULL);
    if (!drive->fault || drive->fault->hints.count == 0)
        return;
    _cleanup_free_ char *steps = maqet_context_steps(drive->context, drive->fault, ". ");
    maqet_context_say(drive->context, MAQET_LEVEL_WARNING,
                      "Drive '%s' of VM '%s' can't be used now: %s. %s", drive->name,
                      drive->machine->vm_name, drive->fault->message, steps);
}

static void
inspect(const struct maqet_drive *drive, json_object *row)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state = {0};

    if (drive->path && maqet_image_inspect(drive, &state, &error) < 0)
        maqet_context_say(drive->context, MAQET_LEVEL_WARNING, "%s", error->message);
    field_number(row, "virtual_size", state.virtual_size > 0, state.virtual_size);
    field_number(row, "allocated_size", state.exists, state.allocated_size);
}

json_object *
drives_describe(const struct maqet_vm *vm)
{
    json_object *rows = json_object_new_array();

    for (size_t i = 0; i < vm->drive_count; i++)
        json_object_array_add(rows, describe(vm->drives[i]));
    return rows;
}

json_object *
drives_inspect(const struct maqet_vm *vm, bool running)
{
    json_object *rows = drives_describe(vm);

    for (size_t i = 0; i < vm->drive_count; i++) {
        inspect(vm->drives[i], json_object_array_get_idx(rows, i));
        add_damage(vm->drives[i], running, json_object_array_get_idx(rows, i));
        add_fault(vm->drives[i], json_object_array_get_idx(rows, i));
    }
    return rows;
}
