/* SPDX-License-Identifier: MIT */
/*
 * drive.c - what plugins, and the rest of the core, ask of a drive (maqet-plugin.h).
 */
#include "core/storage/drive.h"

#include <string.h>

#include "core/plugin/call.h"

const char *
maqet_drive_name(const struct maqet_drive *drive)
{
    return drive->name;
}

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

const char *
maqet_drive_vm_name(const struct maqet_drive *drive)
{
    return drive->machine->vm_name;
}

const char *
maqet_drive_machine(const struct maqet_drive *drive)
{
    return drive->machine->type;
}

const char *
maqet_drive_arch(const struct maqet_drive *drive)
{
    return drive->machine->arch;
}

enum maqet_media
maqet_drive_media(const struct maqet_drive *drive)
{
    return drive->media;
}

bool
maqet_drive_readonly(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM || drive->readonly;
}

const char *
maqet_drive_path(const struct maqet_drive *drive)
{
    return drive->path;
}

bool
maqet_drive_empty(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM && drive->storage &&
           drive->storage->plugin.path_option && !drive->path;
}

const char *
maqet_drive_socket(const struct maqet_drive *drive)
{
    return drive->socket;
}

bool
maqet_drive_running(const struct maqet_drive *drive)
{
    return drive->running;
}

const char *
maqet_drive_text(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_values_find(&drive->values, option);

    return value ? value->text : NULL;
}

/* The slot of an option that a plugin asks for; NULL: there is none, and the author is
 * told. But an interface may ask for what only some storages have. */
static const struct maqet_value *
value_of(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_values_find(&drive->values, option);

    if (!value && drive->values.count > 0 && !maqet_call_is_of_interface())
        maqet_context_misuse(drive->context,
                             "A plugin asks for the option '%s', which is not in its "
                             "table",
                             option);
    return value;
}

const char *
maqet_drive_string(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = value_of(drive, option);

    return value ? value->text : NULL;
}

bool
maqet_drive_has(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = value_of(drive, option);

    return value && (value->written || value->text);
}

uint64_t
maqet_drive_size(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_size(value_of(drive, option));
}

int64_t
maqet_drive_int(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_int(value_of(drive, option));
}

bool
maqet_drive_bool(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_bool(value_of(drive, option));
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

int64_t
maqet_time_left(const struct maqet_drive *drive)
{
    (void)drive;
    return maqet_call_left();
}

void
maqet_progress(const struct maqet_drive *drive, double percent)
{
    const struct maqet_context *context = drive->context;

    if (!context->progress || !maqet_call_is_shown())
        return;
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    /* What is no number is no percentage either. */
    percent = percent >= 0 ? (percent < 100 ? percent : 100) : -1;
    context->progress(context->data, what, percent, maqet_call_elapsed());
}
