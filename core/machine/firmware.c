/* SPDX-License-Identifier: MIT */
#include "core/machine/firmware.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"
#include "core/storage/entry.h"
#include "core/storage/system_folders.h"

static const char key_name[] = "firmware";

/* ---- the key ---- */

static bool
says_uefi(json_object *tree)
{
    const char *text = maqet_tree_text(tree, key_name);

    return text && strcmp(text, "uefi") == 0;
}

/* Whether `arguments` have firmware: -bios, -pflash, -drive if=pflash, or a flash memory of
 * the machine type. */
static bool
arguments_have_firmware(json_object *tree)
{
    json_object *list = json_object_object_get(tree, "arguments");
    _cleanup_free_ char *flash =
        maqet_arguments_property(list, "machine", "type", "pflash0");
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);
    bool found = flash != NULL;

    for (size_t i = 0; i < arguments.count && !found; i++) {
        const struct maqet_argument *argument = &arguments.items[i];

        found = maqet_argument_is(argument, "bios") ||
                maqet_argument_is(argument, "pflash") ||
                (maqet_argument_is(argument, "drive") &&
                 maqet_keyval_has(argument->value, "if", "pflash"));
    }
    return found;
}

bool
maqet_firmware_is_uefi(json_object *tree)
{
    return says_uefi(tree) && !arguments_have_firmware(tree);
}

bool
maqet_firmware_is_ignored(json_object *tree)
{
    return says_uefi(tree) && arguments_have_firmware(tree);
}

int
maqet_firmware_check(json_object *tree, struct maqet_error **err)
{
    json_object *list = json_object_object_get(tree, "storage");
    size_t count = says_uefi(tree) && json_object_is_type(list, json_type_array)
                       ? json_object_array_length(list)
                       : 0;

    for (size_t i = 0; i < count; i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *name = maqet_tree_text(entry, "name");

        if (name && strcmp(name, MAQET_FIRMWARE_DRIVE) == 0)
            return maqet_place_invalid(
                maqet_tree_place_of_value(entry, "name"), err,
                "'%s' is the name of the drive with the variables of UEFI; give this "
                "one another name",
                name);
    }
    return 0;
}

/* ---- the drive ---- */

static void
set(json_object *entry, const char *key, const char *value)
{
    struct maqet_place place = maqet_tree_place(entry);

    if (key)
        maqet_tree_set(entry, key, json_object_new_string(value), place, place);
}

/* The machine cannot be started, but what it has can be used. */
static void
set_fault(struct maqet_drive *drive, struct maqet_place place, struct maqet_error *error)
{
    maqet_place_wrap(place, &error);
    maqet_error_free(drive->fault);
    drive->fault = error;
    if (drive->fault_of < MAQET_FAULT_INTERFACE)
        drive->fault_of = MAQET_FAULT_INTERFACE;
}

/* Where the image was last; NULL: the machine has none yet. Another drive may have had the
 * name before, so the file has that of @path. */
static const char *
recorded_path(const struct maqet_images *images, const char *path)
{
    const struct maqet_image_record *latest = NULL;

    for (size_t i = 0; i < images->count; i++) {
        const struct maqet_image_record *record = &images->items[i];

        if (!record->path || strcmp(record->drive, MAQET_FIRMWARE_DRIVE) != 0 ||
            strcmp(strrchr(record->path, '/'), strrchr(path, '/')) != 0 ||
            (record->seen == 0 && maqet_file_missing(record->path)))
            continue;
        if (!latest || record->seen > latest->seen)
            latest = record;
    }
    return latest ? latest->path : NULL;
}

/* The path of the image. Once there is one, it stays there, whichever drive is the first
 * one now; unless it was moved along with that drive's image. The caller frees. */
static char *
path_of(const struct maqet_drive *drive, const struct maqet_images *images,
        const char *beside)
{
    const struct maqet_machine *machine = drive->machine;
    _cleanup_free_ char *folder = beside ? maqet_path_folder(beside) : NULL;
    _cleanup_free_ char *path =
        maqet_format("%s/maqet-%s-%s.%s", folder ? folder : machine->storage_dir,
                     machine->image_name ? machine->image_name : machine->vm_name,
                     MAQET_FIRMWARE_DRIVE, drive->storage->plugin.name);
    const char *recorded = recorded_path(images, path);

    if (!recorded || (maqet_file_missing(recorded) && !maqet_file_missing(path)))
        return TAKE_PTR(path);
    return maqet_strdup(recorded);
}

/* Adds what the plugin of the drive has the path and the size of its image in. */
static void
add_options(json_object *entry, const struct maqet_drive *drive, const char *path,
            const struct maqet_uefi *uefi, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    if (!drive->path || strcmp(drive->path, path) != 0)
        set(entry, plugin->path_option, path);
    /* An image that exists keeps its size. */
    if (!uefi->template || access(path, F_OK) == 0)
        return;
    uint64_t bytes = maqet_uefi_template_size(uefi, err);
    _cleanup_free_ char *size = maqet_format("%" PRIu64 "K", bytes / 1024);
    if (bytes > 0)
        set(entry, plugin->size_option, size);
}

struct maqet_drive *
maqet_firmware_drive(const struct maqet_context *context,
                     const struct maqet_machine *machine, json_object *tree,
                     const struct maqet_images *images, const char *beside,
                     struct maqet_uefi *uefi)
{
    struct maqet_place place = maqet_tree_place_of_value(tree, key_name);
    _cleanup_json_ json_object *entry = maqet_tree_mapping(place);
    struct maqet_error *error = NULL;

    maqet_uefi_find(machine->arch, machine->type, uefi, &error);
    set(entry, "name", MAQET_FIRMWARE_DRIVE);
    set(entry, "interface", "none");
    struct maqet_drive *drive = maqet_drive_look(context, machine, entry);
    if (!maqet_drive_is_unknown(drive)) {
        _cleanup_free_ char *path = path_of(drive, images, beside);

        add_options(entry, drive, path, uefi, error ? NULL : &error);
        maqet_drive_free(drive);
        drive = maqet_drive_look(context, machine, entry);
    }
    if (error)
        set_fault(drive, place, error);
    /* A file of that name in a folder like /tmp may be somebody else's. */
    drive->default_path =
        drive->path && maqet_path_is_within(drive->path, machine->storage_dir);
    drive->template = uefi->template;
    drive->template_format = uefi->template_format;
    return drive;
}
