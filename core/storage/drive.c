/* SPDX-License-Identifier: MIT */
/*
 * drive.c - what the core, and plugins, ask of a drive. What only plugins ask stands in
 * public/drive.c.
 */
#include "core/storage/drive.h"

#include <string.h>

#include "core/plugin/call.h"

const char *
maqet_drive_node(const struct maqet_drive *drive)
{
    return drive->chain.depth > 0 ? drive->chain.nodes[0].name : drive->name;
}

void
maqet_drive_set_top(struct maqet_drive *drive, const char *file)
{
    maqet_chain_clear(&drive->chain);
    struct maqet_node *top =
        maqet_chain_add_node(&drive->chain, drive->storage->plugin.path_option, file);
    top->name = maqet_strdup(drive->name);
    drive->path = top->file;
}

bool
maqet_drive_readonly(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM || drive->readonly;
}

const char *
maqet_drive_text(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_values_find(&drive->values, option);

    return value ? value->text : NULL;
}

struct maqet_place
maqet_drive_place_of(const struct maqet_drive *drive, const char *option)
{
    const char *dot = option ? strchr(option, '.') : NULL;
    json_object *value = NULL;

    if (!option)
        return maqet_tree_place(drive->tree);
    if (!dot)
        return json_object_object_get_ex(drive->tree, option, NULL)
                   ? maqet_tree_place_of_value(drive->tree, option)
                   : maqet_tree_place(drive->tree);
    _cleanup_free_ char *outer = maqet_strndup(option, (size_t)(dot - option));
    if (!json_object_object_get_ex(drive->tree, outer, &value) ||
        !json_object_is_type(value, json_type_object))
        return maqet_tree_place(drive->tree);
    return json_object_object_get_ex(value, dot + 1, NULL)
               ? maqet_tree_place_of_value(value, dot + 1)
               : maqet_tree_place(value);
}

int
maqet_drive_error(const struct maqet_drive *drive, const char *option,
                  struct maqet_error **err, enum maqet_error_code code,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *message = maqet_vformat(format, arguments);
    va_end(arguments);
    return maqet_place_error(maqet_drive_place_of(drive, option), err, code,
                             "drive '%s' of VM '%s': %s", drive->name,
                             drive->machine->vm_name, message);
}

void
maqet_warn(const struct maqet_drive *drive, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *message = maqet_vformat(format, arguments);
    va_end(arguments);
    maqet_context_say(drive->context, MAQET_LEVEL_WARNING, "Drive '%s' of VM '%s': %s",
                      drive->name, drive->machine->vm_name, message);
}
