/* SPDX-License-Identifier: MIT */
#include "core/storage/drive.h"

#include <string.h>

#include "core/plugin/call.h"
#include "core/qemu/version.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

uint32_t
maqet_machine_qemu_version(const struct maqet_machine *machine)
{
    struct maqet_qemu_version own = {0};
    struct maqet_qemu_version *version = machine->version ? machine->version : &own;

    if (!version->asked && machine->program)
        version->number = maqet_qemu_exact_version(machine->program);
    version->asked = true;
    return version->number;
}

char *
maqet_drive_folder_name(const char *name, const char *type)
{
    return maqet_format("%s%c%s", name, MAQET_DRIVE_FOLDER_SEPARATOR,
                        type ? type : MAQET_DEFAULT_STORAGE);
}

const char *
maqet_drive_node(const struct maqet_drive *drive)
{
    return drive->chain.depth > 0 ? drive->chain.nodes[0].name : drive->name;
}

bool
maqet_drive_is_opened_by_helper(const struct maqet_drive *drive)
{
    return drive->path && drive->storage->plugin.helper;
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

void
maqet_drive_set_node(struct maqet_drive *drive, const char *name)
{
    char *copy = maqet_strdup(name);

    if (drive->chain.depth == 0) {
        free(copy);
        return;
    }
    free(drive->chain.nodes[0].name);
    drive->chain.nodes[0].name = copy;
}

void
maqet_drive_set_overlays(struct maqet_drive *drive, struct maqet_overlays *overlays)
{
    struct maqet_node *top = &drive->chain.nodes[0];
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, overlays->top);

    if (drive->overlays != overlays)
        maqet_overlays_free(drive->overlays);
    drive->overlays = overlays;
    drive->path = overlays->image;
    free(top->file);
    top->file = maqet_strdup(maqet_overlays_node(overlays, overlays->top)->file.file);
    top->id = (struct maqet_file_id){0};
    maqet_drive_set_node(drive, name);
}

bool
maqet_drive_readonly(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM || drive->readonly;
}

bool
maqet_drive_empty(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM && drive->storage &&
           drive->storage->plugin.path_option && !drive->path;
}

const struct maqet_value *
maqet_drive_value(const struct maqet_drive *drive, enum maqet_whose whose,
                  const char *option)
{
    return option ? maqet_values_find(&drive->options[whose].values, option) : NULL;
}

const char *
maqet_drive_text(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_drive_value(drive, MAQET_OF_STORAGE, option);

    return value ? value->text : NULL;
}

/* The value of a key, or of the item of that number. @place gets its place, and stays if
 * there is none. */
static json_object *
step_into(json_object *container, const char *name, struct maqet_place *place)
{
    json_object *value = NULL;

    if (json_object_is_type(container, json_type_array)) {
        size_t index = (size_t)strtoull(name, NULL, 10);

        if (index < json_object_array_length(container))
            *place = maqet_tree_place_of_item(container, index);
        return json_object_array_get_idx(container, index);
    }
    if (json_object_is_type(container, json_type_object) &&
        json_object_object_get_ex(container, name, &value))
        *place = maqet_tree_place_of_value(container, name);
    return value;
}

/* Whether a part of an option's name is the number of an item. */
static bool
is_number(const char *name)
{
    return *name && !name[strspn(name, "0123456789")];
}

struct maqet_place
maqet_drive_place_of(const struct maqet_drive *drive, enum maqet_whose whose,
                     const char *option)
{
    struct maqet_place place = maqet_tree_place(drive->tree);
    json_object *at = drive->options[whose].tree;

    if (!at)
        at = drive->tree; /* its keys are not sorted yet */
    while (option && at) {
        size_t length = strcspn(option, ".");
        _cleanup_free_ char *name = maqet_strndup(option, length);

        /* A single value is a list of one. */
        if (json_object_is_type(at, json_type_array) || !is_number(name))
            at = step_into(at, name, &place);
        option = option[length] ? option + length + 1 : NULL;
    }
    return place;
}

/* "vm.yaml:5:3: drive 'hdd' of VM 'x': MESSAGE" */
static MAQET_PRINTF(5, 0) int error_at(const struct maqet_drive *drive,
                                       struct maqet_place place, struct maqet_error **err,
                                       enum maqet_error_code code, const char *format,
                                       va_list arguments)
{
    _cleanup_free_ char *message = maqet_vformat(format, arguments);

    return maqet_place_error(place, err, code, "drive '%s' of VM '%s': %s", drive->name,
                             drive->machine->vm_name, message);
}

/* Whose option a plugin speaks of: its own, the storage's or the interface's by its full
 * name, or a key of the core, such as "media". *option gets the name without the form. */
static enum maqet_whose
whose_option(const struct maqet_drive *drive, const char **option)
{
    enum maqet_whose own =
        maqet_call_current()->of_interface ? MAQET_OF_INTERFACE : MAQET_OF_STORAGE;

    if (!*option)
        return own;
    if (maqet_text_starts(*option, MAQET_STORAGE_FORM)) {
        *option += strlen(MAQET_STORAGE_FORM);
        return MAQET_OF_STORAGE;
    }
    if (maqet_text_starts(*option, MAQET_INTERFACE_FORM)) {
        *option += strlen(MAQET_INTERFACE_FORM);
        return MAQET_OF_INTERFACE;
    }
    return maqet_drive_value(drive, own, *option) ||
                   !maqet_drive_value(drive, MAQET_OF_CORE, *option)
               ? own
               : MAQET_OF_CORE;
}

int
maqet_drive_error(const struct maqet_drive *drive, const char *option,
                  struct maqet_error **err, enum maqet_error_code code,
                  const char *format, ...)
{
    enum maqet_whose whose = whose_option(drive, &option);
    const struct maqet_value *value = maqet_drive_value(drive, whose, option);
    struct maqet_place place = maqet_drive_place_of(drive, whose, option);
    _cleanup_free_ char *file = NULL;
    va_list arguments;

    if (value && value->row->type == MAQET_OPTION_SECRET)
        place = maqet_place_of_secret(place, &file);
    va_start(arguments, format);
    error_at(drive, place, err, code, format, arguments);
    va_end(arguments);
    return -1;
}

int
maqet_drive_invalid(const struct maqet_drive *drive, const char *option,
                    struct maqet_error **err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    error_at(drive, maqet_drive_place_of(drive, MAQET_OF_CORE, option), err,
             MAQET_ERROR_INVALID, format, arguments);
    va_end(arguments);
    return -1;
}

void
maqet_warn(const struct maqet_drive *drive, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *message =
        maqet_text_limit(maqet_vformat(format, arguments), MAQET_DRIVE_MESSAGE_MAX);
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
    const struct maqet_machine *machine = drive->machine;

    return maqet_format("%s/maqet-%s-%s.%s", machine->storage_dir,
                        machine->image_name ? machine->image_name : machine->vm_name,
                        drive->name, drive->storage->plugin.name);
}
