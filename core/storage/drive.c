/* SPDX-License-Identifier: MIT */
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
    json_object *mapping = drive->tree;

    if (dot) {
        _cleanup_free_ char *outer = maqet_strndup(option, (size_t)(dot - option));

        mapping = json_object_object_get(drive->tree, outer);
        if (!json_object_is_type(mapping, json_type_object))
            return maqet_tree_place(drive->tree);
        option = dot + 1;
    }
    return option && json_object_object_get_ex(mapping, option, NULL)
               ? maqet_tree_place_of_value(mapping, option)
               : maqet_tree_place(mapping);
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

/* ---- its files ---- */

int
maqet_drive_files_error(const struct maqet_drive *drive, const struct maqet_node *node,
                        bool there, struct maqet_error **err)
{
    maqet_drive_error(drive, node->option, err,
                      there ? MAQET_ERROR_FAILED : MAQET_ERROR_MISSING,
                      there ? "%s was replaced by another file after it was checked, "
                              "so it is not used"
                            : "%s has disappeared since it was checked",
                      node->file);
    maqet_error_hint(err, "Find out who changes the folder; keep the file in one that "
                          "only you can write to");
    return -1;
}

int
maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];
        struct maqet_node now = {.file = node->file};

        if (maqet_node_is_known(node) &&
            (!maqet_node_look(&now) || !maqet_file_id_equal(&now.id, &node->id)))
            return maqet_drive_files_error(drive, node, maqet_node_is_known(&now), err);
    }
    return 0;
}

/* ---- drives that cannot be used ---- */

bool
maqet_drive_is_unknown(const struct maqet_drive *drive)
{
    return drive->fault_of == MAQET_FAULT_ENTRY;
}

int
maqet_drive_check_fault(const struct maqet_drive *drive, enum maqet_drive_fault least,
                        struct maqet_error **err)
{
    return drive->fault_of >= least ? maqet_error_copy(err, drive->fault) : 0;
}

char *
maqet_drive_presumed_path(const struct maqet_drive *drive)
{
    return maqet_format("%s/maqet-%s-%s.%s", drive->machine->storage_dir,
                        drive->machine->vm_name, drive->name,
                        drive->storage->plugin.name);
}
