/* SPDX-License-Identifier: MIT */
#include "core/storage/entry.h"

#include <string.h>

#include "core/base/files.h"
#include "core/plugin/describe.h"
#include "core/storage/callback.h"
#include "core/storage/handle.h"
#include "core/storage/keys.h"
#include "core/storage/overlays.h"
#include "core/storage/secret.h"
#include "core/storage/system_folders.h"

enum { NAME_MAX_BYTES = 31 }; /* of a node-name in QEMU */

static const char *const media_words[] = {"disk", "cdrom", NULL};
static const char *const snapshot_words[] = {"internal", "overlay", NULL};
#define OPTION(key, kind, what, ...)                                                     \
    {                                                                                    \
        .name = key, .type = MAQET_OPTION_##kind, .help = what, __VA_ARGS__              \
    }
const struct maqet_option maqet_drive_options[] = {
    OPTION("name", STRING, "the drive's name", .flags = MAQET_REQUIRED),
    OPTION("type", STRING, "the storage plugin"),
    OPTION("interface", STRING, "the interface plugin"),
    OPTION("media", CHOICE, "what the guest sees", .choices = media_words),
    OPTION("overcommit", BOOL, "check only for the space that the image uses initially"),
    OPTION("snapshots", CHOICE,
           "where snapshots are: in the image, or overlays beside it",
           .choices = snapshot_words),
    {.name = NULL},
};
const struct maqet_option maqet_share_options[] = {
    OPTION("name", STRING, "the share's name", .flags = MAQET_REQUIRED),
    OPTION("type", STRING, "the storage plugin"),
    OPTION("allow_system", BOOL, "let the guest write to a system folder of the host"),
    {.name = NULL},
};
const struct maqet_option maqet_drive_file_options[] = {
    OPTION("mode", MODE, "mode of a new image, such as 0660; 0600 unless given"),
    {.name = NULL},
};

static int
check_name(struct maqet_drive *drive, struct maqet_error **err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char more[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const char *name = maqet_tree_text(drive->tree, "name");

    drive->name = maqet_strdup(name && *name ? name : "?");
    if (!name || !*name)
        return maqet_place_invalid(
            maqet_tree_place(drive->tree), err,
            "this drive of VM '%s' has no name; add a line `name: ...`",
            drive->machine->vm_name);
    struct maqet_place place = maqet_tree_place_of_value(drive->tree, "name");
    if (!strchr(letters, name[0]) || strspn(name, more) != strlen(name) ||
        strlen(name) > NAME_MAX_BYTES)
        return maqet_place_invalid(
            place, err,
            "invalid drive name '%s' on VM '%s': use a letter, then letters, digits, "
            "'-', '.' and '_'; at most %d characters",
            name, drive->machine->vm_name, NAME_MAX_BYTES);
    if (maqet_text_starts(name, "maqet-"))
        return maqet_place_invalid(
            place, err,
            "invalid drive name '%s' on VM '%s': names that begin with 'maqet-' are "
            "reserved for maqet's own nodes and controllers",
            name, drive->machine->vm_name);
    return 0;
}

/* Moves the keys below `options:` up, where they mean the same. */
static int
flatten_options(struct maqet_drive *drive, struct maqet_error **err)
{
    json_object *nested = NULL;

    if (!json_object_object_get_ex(drive->tree, "options", &nested))
        return 0;
    if (nested && !json_object_is_type(nested, json_type_object))
        return maqet_drive_invalid(drive, "options", err,
                                   "'options' must be a mapping of keys and values");
    json_object_get(nested);
    json_object_object_del(drive->tree, "options");
    _cleanup_json_ json_object *owned = nested;
    if (!nested)
        return 0;
    json_object_object_foreach(nested, key, value)
    {
        struct maqet_place place = maqet_tree_place_of_key(nested, key);

        if (json_object_object_get_ex(drive->tree, key, NULL))
            return maqet_place_invalid(
                place, err,
                "drive '%s' of VM '%s' has '%s' twice: beside 'options' "
                "and below it",
                drive->name, drive->machine->vm_name, key);
        maqet_tree_set(drive->tree, key, json_object_get(value), place,
                       maqet_tree_place_of_value(nested, key));
    }
    return 0;
}

/* Adds the place of the key that names the plugin to an error. Returns -1. */
static int
error_load(const struct maqet_drive *drive, const char *key, struct maqet_error **err)
{
    maqet_error_wrap(err, "drive '%s' of VM '%s'", drive->name, drive->machine->vm_name);
    return maqet_place_wrap(maqet_drive_place_of(drive, MAQET_OF_CORE, key), err);
}

static int
load_storage(struct maqet_drive *drive, struct maqet_error **err)
{
    const char *type = maqet_tree_text(drive->tree, "type");

    drive->storage =
        maqet_storage_load(drive->context, type ? type : MAQET_DEFAULT_STORAGE, err);
    return drive->storage ? 0 : error_load(drive, "type", err);
}

static int
load_iface(struct maqet_drive *drive, struct maqet_error **err)
{
    const char *written = maqet_tree_text(drive->tree, "interface");
    const char *name = drive->storage->plugin.interface;

    if (!name && written)
        return maqet_drive_invalid(drive, "interface", err,
                                   "a share of type '%s' attaches itself; remove the "
                                   "line `interface: %s`",
                                   drive->storage->plugin.name, written);
    if (written)
        name = written;
    if (!name || strcmp(name, "none") == 0)
        return 0;
    drive->iface = maqet_iface_load(drive->context, name, err);
    if (drive->iface)
        return 0;
    maqet_error_hint(err,
                     "Or use `interface: none` with your own -device in `arguments`");
    return error_load(drive, "interface", err);
}

/* The options that the core uses itself. */
static void
read_roles(struct maqet_drive *drive)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    const struct maqet_value *media = maqet_drive_value(drive, MAQET_OF_CORE, "media");
    const struct maqet_value *size =
        maqet_drive_value(drive, MAQET_OF_STORAGE, plugin->size_option);

    if (media && media->text && strcmp(media->text, "cdrom") == 0)
        drive->media = MAQET_MEDIA_CDROM;
    drive->overcommit =
        maqet_value_bool(maqet_drive_value(drive, MAQET_OF_CORE, "overcommit"));
    drive->readonly = maqet_value_bool(
        maqet_drive_value(drive, MAQET_OF_STORAGE, plugin->readonly_option));
    /* Not the plugin's default. */
    drive->size = size && size->written ? maqet_value_size(size) : 0;
}

/* The path of the image, given by the user or chosen by us, and that of the socket of a
 * program beside QEMU. */
static void
set_paths(struct maqet_drive *drive)
{
    const char *option = drive->storage->plugin.path_option;
    const char *written = option ? maqet_drive_text(drive, option) : NULL;

    drive->socket =
        maqet_format("%s/" MAQET_DRIVE_SOCKET_PREFIX "%s.sock",
                     drive->machine->run_dir ? drive->machine->run_dir : "", drive->name);
    drive->default_path = option && !written && drive->media == MAQET_MEDIA_DISK;
    _cleanup_free_ char *chosen =
        drive->default_path ? maqet_drive_presumed_path(drive) : NULL;
    if (option || drive->storage->plugin.interface)
        maqet_drive_set_top(drive, chosen ? chosen : written);
}

/* The owner can always use the image, and it is no program. */
static int
read_mode(struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_value *value = maqet_drive_value(drive, MAQET_OF_CORE, "mode");

    drive->mode = 0600;
    if (!value || !value->text)
        return 0;
    int64_t mode = maqet_value_int(value);
    if ((mode & ~INT64_C(0777)) != 0)
        return maqet_drive_invalid(drive, "mode", err,
                                   "`mode` can be at most 0777: an image has no setuid, "
                                   "setgid or sticky bit");
    if ((mode & 0600) != 0600) {
        maqet_drive_invalid(drive, "mode", err,
                            "`mode: %s` would not let its owner read and write the image",
                            value->text);
        maqet_error_hint(err, "Use 0600 for the owner only, 0660 for the group as well");
        return -1;
    }
    drive->mode = (mode_t)mode;
    return 0;
}

static void
set_tables(struct maqet_drive *drive)
{
    bool share = !drive->storage->plugin.interface;
    struct maqet_drive_options *options = drive->options;

    options[MAQET_OF_CORE].tables[0] = share ? maqet_share_options : maqet_drive_options;
    if (drive->storage->plugin.path_option)
        options[MAQET_OF_CORE].tables[1] = maqet_drive_file_options;
    options[MAQET_OF_STORAGE].tables[0] = drive->storage->common.options;
    if (drive->iface)
        options[MAQET_OF_INTERFACE].tables[0] = drive->iface->common.options;
}

/* Checks the options and reads their values. */
static int
resolve_options(struct maqet_drive *drive, bool attached, struct maqet_error **err)
{
    set_tables(drive);
    int checked = maqet_keys_sort(drive, attached, err);
    for (int i = 0; i < MAQET_WHOSE_COUNT; i++) {
        struct maqet_drive_options *options = &drive->options[i];

        maqet_values_resolve(&options->values, options->tree, options->tables);
    }
    read_roles(drive);
    set_paths(drive);
    return checked < 0 ? -1 : read_mode(drive, err);
}

/* Whether it names a file that the storage, and not the core, uses. */
static bool
names_file(const struct maqet_drive *drive, const struct maqet_value *value)
{
    return value->text &&
           (value->row->type == MAQET_OPTION_PATH ||
            value->row->type == MAQET_OPTION_SECRET) &&
           value != maqet_drive_value(drive, MAQET_OF_STORAGE,
                                      drive->storage->plugin.path_option);
}

/* Adds the files that the options of a plugin name to the chain, and notes which files
 * they are. A start notes that of the image when it has inspected or created it. */
static void
note_files(struct maqet_drive *drive, enum maqet_whose whose, const char *form)
{
    const struct maqet_values *values = &drive->options[whose].values;

    for (size_t i = 0; i < values->count; i++) {
        const struct maqet_value *value = &values->items[i];
        _cleanup_free_ char *name = maqet_format("%s%s", form, value->name);

        if (names_file(drive, value))
            maqet_node_look(maqet_chain_add_file(&drive->chain, name, value->text));
    }
}

/* ---- what the plugins can do, and say ---- */

/* The plugins of a kind that can be used for a medium, as "`type: a` or `type: b`"; NULL:
 * none. The caller frees. */
static char *
able_plugins(const struct maqet_context *context, bool is_iface, enum maqet_media media)
{
    const char *word = media_words[media == MAQET_MEDIA_CDROM];
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;

    maqet_plugin_list_all(context, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct maqet_plugin_info *info = &list.items[i];

        if (maqet_plugin_is_usable(info, is_iface ? "interface" : "storage") &&
            (is_iface || info->interface) && maqet_strings_has(&info->media, word))
            maqet_strings_addf(&able, "`%s: %s`", is_iface ? "interface" : "type",
                               info->name);
    }
    return able.count > 0 ? maqet_strings_join(&able, " or ") : NULL;
}

/* Whether a plugin that declares @media can be used for the drive. */
static int
check_media(const struct maqet_drive *drive, bool is_iface, const char *name,
            uint32_t media, struct maqet_error **err)
{
    const char *kind = is_iface ? "interface" : "type";

    if (media & drive->media)
        return 0;
    maqet_drive_invalid(drive, drive->media == MAQET_MEDIA_CDROM ? "media" : kind, err,
                        "the %s '%s' is not for %s", kind, name,
                        drive->media == MAQET_MEDIA_CDROM ? "CD-ROM drives" : "disks");
    _cleanup_free_ char *able = able_plugins(drive->context, is_iface, drive->media);
    if (able)
        maqet_error_hint(err, "Use one that is: %s", able);
    if (drive->media == MAQET_MEDIA_DISK)
        maqet_error_hint(err, "%s `media: cdrom`", able ? "Or say" : "Say");
    return -1;
}

static int
check_storage_media(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    return plugin->interface ? check_media(drive, false, plugin->name, plugin->media, err)
                             : 0;
}

static int
check_storage(struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_secrets_are_paths(drive, MAQET_OF_STORAGE, err) < 0 ||
        (drive->storage->plugin.validate &&
         MAQET_STORAGE_CALL(err, drive, MAQET_CALL_QUICK, validate) < 0))
        return -1;
    return maqet_drive_check_share(drive, err) < 0 ? -1
                                                   : maqet_drive_files_check(drive, err);
}

static int
check_interface(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (!drive->iface)
        return 0;
    const struct maqet_iface_plugin *plugin = &drive->iface->plugin;
    if (check_media(drive, true, plugin->name, plugin->media, err) < 0 ||
        maqet_secrets_are_paths(drive, MAQET_OF_INTERFACE, err) < 0)
        return -1;
    return plugin->validate ? MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, validate)
                            : 0;
}

/* The folder exists if its plugin has asked for it. */
static void
set_folder(struct maqet_drive *drive)
{
    const char *name = maqet_tree_text(drive->tree, "name");
    const char *above = drive->machine->drives_dir;
    _cleanup_free_ char *folder =
        maqet_drive_folder_name(name ? name : "", maqet_tree_text(drive->tree, "type"));

    free(drive->folder);
    drive->folder = maqet_format("%s/%s", above ? above : "", folder);
}

/* Adds the error of a step to the drive's faults. Returns whether there is one. */
static bool
is_fault(struct maqet_error **faults, struct maqet_error **error)
{
    return maqet_error_add(faults, error) < 0;
}

/* Checks the options; @attached: the interface is known. */
static bool
check_options(struct maqet_drive *drive, bool attached, struct maqet_error **faults)
{
    struct maqet_error *error = NULL;

    resolve_options(drive, attached, &error);
    bool wrong = is_fault(faults, &error);
    check_storage_media(drive, &error);
    return !is_fault(faults, &error) && !wrong;
}

/* Reads an entry, and adds all faults. Returns what the worst one affects. */
static enum maqet_drive_fault
read_entry(struct maqet_drive *drive, struct maqet_error **faults)
{
    struct maqet_error *error = NULL;

    check_name(drive, &error);
    bool named = !is_fault(faults, &error);
    flatten_options(drive, &error);
    if (is_fault(faults, &error))
        return MAQET_FAULT_ENTRY;
    set_folder(drive); /* the type may have been below `options` */
    load_storage(drive, &error);
    if (is_fault(faults, &error))
        return MAQET_FAULT_ENTRY;
    load_iface(drive, &error);
    bool attached = !is_fault(faults, &error);
    bool valid = check_options(drive, attached, faults);
    /* Without a name, it is not known which image it has. */
    if (!named)
        maqet_drive_set_top(drive, NULL);
    /* The plugins rely on valid options. */
    if (!valid || !named)
        return MAQET_FAULT_ENTRY;
    note_files(drive, MAQET_OF_STORAGE, "");
    note_files(drive, MAQET_OF_INTERFACE, MAQET_INTERFACE_FORM);
    check_storage(drive, &error);
    bool stored = !is_fault(faults, &error);
    if (attached)
        check_interface(drive, &error);
    bool usable = !is_fault(faults, &error) && attached;
    return !stored   ? MAQET_FAULT_STORAGE
           : !usable ? MAQET_FAULT_INTERFACE
                     : MAQET_FAULT_NONE;
}

/* Gives a drive whose entry is invalid a stand-in for its plugin, which does nothing. */
static void
stand_in(struct maqet_drive *drive)
{
    const char *type = maqet_tree_text(drive->tree, "type");
    const char *media = maqet_tree_text(drive->tree, "media");

    /* A relative path was never made absolute, because the options were not checked. */
    if (drive->path && drive->path[0] != '/')
        maqet_drive_set_top(drive, NULL);
    if (media && strcmp(media, "cdrom") == 0)
        drive->media = MAQET_MEDIA_CDROM;
    drive->iface = NULL;
    drive->storage = maqet_storage_stand_in(type && *type ? type : MAQET_DEFAULT_STORAGE);
}

struct maqet_drive *
maqet_drive_look(const struct maqet_context *context, const struct maqet_machine *machine,
                 json_object *entry)
{
    struct maqet_drive *drive = maqet_alloc(sizeof(*drive));

    drive->context = context;
    drive->machine = machine;
    drive->reported = maqet_alloc(sizeof(*drive->reported));
    drive->tree = json_object_is_type(entry, json_type_object) ? json_object_get(entry)
                                                               : json_object_new_object();
    drive->media = MAQET_MEDIA_DISK;
    drive->secrets = maqet_alloc(sizeof(*drive->secrets));
    drive->children = maqet_alloc(sizeof(*drive->children));
    drive->log =
        maqet_format("%s/" MAQET_DRIVE_LOG, machine->run_dir ? machine->run_dir : "");
    set_folder(drive);
    drive->fault_of = read_entry(drive, &drive->fault);
    if (drive->fault_of == MAQET_FAULT_ENTRY)
        stand_in(drive);
    return drive;
}

struct maqet_drive *
maqet_drive_new(const struct maqet_context *context, const struct maqet_machine *machine,
                json_object *entry, struct maqet_error **err)
{
    struct maqet_drive *drive = maqet_drive_look(context, machine, entry);

    if (!drive->fault)
        return drive;
    maqet_error_move(err, TAKE_PTR(drive->fault));
    maqet_drive_free(drive);
    return NULL;
}

void
maqet_drive_free(struct maqet_drive *drive)
{
    if (!drive || maqet_handle_keep(drive))
        return;
    json_object_put(drive->tree);
    free(drive->name);
    maqet_overlays_free(drive->overlays);
    free(drive->backing.node);
    free(drive->backing.name);
    free(drive->backing.format);
    maqet_chain_clear(&drive->chain);
    free(drive->socket);
    free(drive->folder);
    maqet_strings_clear(drive->children);
    free(drive->children);
    free(drive->log);
    maqet_strings_clear(&drive->reported->files);
    free(drive->reported);
    maqet_secrets_free(*drive->secrets);
    free(drive->secrets);
    for (int i = 0; i < MAQET_WHOSE_COUNT; i++) {
        maqet_values_clear(&drive->options[i].values);
        json_object_put(drive->options[i].tree);
    }
    maqet_error_free(drive->fault);
    free(drive);
}
