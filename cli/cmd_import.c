/* SPDX-License-Identifier: MIT */
/* maqet import: a VM with the content of an image of another program. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/image_format.h"
#include "cli/new_place.h"
#include "cli/new_yaml.h"
#include "cli/options.h"
#include "core/base/interrupt.h"
#include "core/lifecycle/import.h"

/* The format of what has no header. */
static const char PLAIN[] = "raw";

static const char DRIVE[] = "system";

/* What the command makes a machine of; and what it has made, which a failure removes. */
struct making {
    struct invocation *invocation;
    struct new_place place;
    struct maqet_foreign from;
    const struct maqet_storage *storage; /* the type of the disk */
};

static void
making_clear(struct making *making)
{
    new_place_clear(&making->place);
    maqet_foreign_clear(&making->from);
}

/* ---- what is imported ---- */

/* A fixed image of Virtual PC has its only header at its end, so it seems to have none. */
static int
check_end(const struct maqet_foreign *from, struct maqet_error **err)
{
    static const char magic[] = "conectix";
    _cleanup_close_ int fd = open(from->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char end[sizeof(magic) - 1] = "";
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    if (!from->probed || strcmp(from->format, PLAIN) != 0 || size < 512 ||
        pread(fd, end, sizeof(end), size - 512) < 0 ||
        memcmp(end, magic, sizeof(end)) != 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "%s begins like a disk without a header, and ends like an image of "
                    "the format 'vpc'",
                    from->path);
    maqet_error_hint(err, "Say which it is: --format vpc, or --format %s", PLAIN);
    return -1;
}

static int
inspect(struct making *making, const char *file, struct maqet_error **err)
{
    const struct invocation *invocation = making->invocation;
    struct maqet_foreign *from = &making->from;
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;

    from->path = context_path(file);
    from->format = maqet_strdup(given_image_format(invocation));
    invocation_texts(invocation, "with", &others);
    for (size_t i = 0; i < others.count; i++)
        maqet_strings_take(&from->others, context_path(others.items[i]));
    if (maqet_import_inspect(from, PLAIN, err) < 0 || check_end(from, err) < 0)
        return -1;
    if (from->snapshots > 0)
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "%s has %" PRIu64 " snapshot%s, which will not be imported",
                          from->path, from->snapshots, from->snapshots > 1 ? "s" : "");
    return 0;
}

/* ---- what it becomes ---- */

static int
choose_type(struct making *making, struct maqet_error **err)
{
    const char *type = invocation_text(making->invocation, "type");

    making->storage = maqet_storage_load(&making->invocation->context, type, err);
    if (!making->storage)
        return -1;
    const struct maqet_storage_plugin *plugin = &making->storage->plugin;
    if (plugin->path_option && plugin->size_option && plugin->create)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "The type %s has no images of its own that are files, so "
                           "nothing can be imported as one",
                           type);
}

/* Appends an indented key of the drive, unless the storage has none for it. */
static void
append_key(struct maqet_text *yaml, const char *key, const char *value)
{
    if (!value)
        return;
    _cleanup_free_ char *indented = maqet_format("    %s", key);
    new_yaml_key(yaml, indented, value);
}

static char *
yaml_of(const struct making *making)
{
    const struct invocation *invocation = making->invocation;
    const struct maqet_storage_plugin *plugin = &making->storage->plugin;
    const char *firmware = invocation_text(invocation, "firmware");
    _cleanup_text_ struct maqet_text yaml = MAQET_TEXT_INIT;
    _cleanup_free_ char *size = maqet_text_size(making->from.virtual_size);

    new_yaml_begin(&yaml, "import", making->place.name,
                   invocation_text(invocation, "memory"),
                   invocation_text(invocation, "vcpus"));
    if (firmware)
        new_yaml_key(&yaml, "firmware", firmware);
    maqet_text_append(&yaml, "\nnetwork: user\n"
                             "\nstorage:\n");
    new_yaml_key(&yaml, "  - name", DRIVE);
    append_key(&yaml, "type", plugin->name);
    append_key(&yaml, plugin->path_option,
               new_place_named(&making->place, making->place.disk));
    append_key(&yaml, plugin->size_option, size);
    if (invocation_has(invocation, "overcommit"))
        maqet_text_append(&yaml, "    overcommit: true\n");
    append_key(&yaml, "interface", invocation_text(invocation, "interface"));
    return maqet_text_take(&yaml);
}

/* In a child, if we are killed. */
static void
undo(void *data)
{
    struct making *making = data;

    new_file_unwrite(&making->place.file);
    unlink(making->place.file.copy);
}

static struct maqet_vm *
make(struct making *making, struct maqet_error **err)
{
    const struct invocation *invocation = making->invocation;
    const char *disk = invocation_text(invocation, "disk");
    _cleanup_free_ char *path = disk ? context_path(disk) : NULL;

    if (inspect(making, invocation->operands.items[0], err) < 0 ||
        choose_type(making, err) < 0 ||
        new_place_claim(&making->place, making->storage->plugin.name, path, err) < 0)
        return NULL;
    _cleanup_free_ char *text = yaml_of(making);
    if (new_file_write(&making->place.file, text, err) < 0)
        return NULL;
    struct maqet_vm *vm = new_place_read(&making->place, err);
    const struct maqet_drive *drive = vm ? maqet_vm_find_drive(vm, DRIVE, err) : NULL;
    const struct maqet_import import = {
        .from = &making->from, .drive = drive, .undo = undo, .data = making};
    if (drive && maqet_vm_import(vm, &import, err) == 0)
        return vm;
    maqet_vm_free(vm);
    new_file_unwrite(&making->place.file);
    return NULL;
}

/* ---- the command ---- */

struct made {
    const char *name;
    const char *uuid;
    const char *file;
    const char *drive;
    const char *image;
    const char *from;
    const char *format;
    uint64_t size;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct made, MAQET_ROW(struct made, name, "the VM's name"),
    MAQET_ROW(struct made, uuid, "its UUID"),
    MAQET_ROW(struct made, file, "the YAML file that was written"),
    MAQET_ROW(struct made, drive, "the drive that has the content"),
    MAQET_ROW(struct made, image, "its image"),
    MAQET_ROW(struct made, from, "the image that was imported"),
    MAQET_ROW(struct made, format, "the format of that, as QEMU calls it"),
    MAQET_ROW(struct made, size, "the size of the disk", .unit = MAQET_UNIT_BYTES));

static char *
made_text(const void *row)
{
    const struct made *made = row;
    _cleanup_free_ char *size = maqet_text_size(made->size);

    return maqet_format("Added VM '%s', which %s defines.\n"
                        "Its drive '%s', %s, has the content of %s (%s, %s).\n"
                        "Start it: maqet start %s\n",
                        made->name, made->file, made->drive, made->image, made->from,
                        made->format, size, made->name);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "name drive format size image"},
    .text = made_text,
    .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const char *name = invocation_text(invocation, "name");
    _cleanup_(making_clear) struct making making = {
        .invocation = invocation,
        .place = NEW_PLACE_INIT(.invocation = invocation, .name = name)};

    if (!name)
        return usage_error(invocation, err, "--name NAME is missing");
    _cleanup_vm_ struct maqet_vm *vm = make(&making, err);
    if (!vm)
        return -1;
    const struct made made = {
        .name = vm->definition->name,
        .uuid = vm->definition->uuid,
        .file = making.place.yaml,
        .drive = DRIVE,
        .image = making.place.disk,
        .from = making.from.path,
        .format = making.from.format,
        .size = making.from.virtual_size,
    };
    output_result(&invocation->output, &view, &made);
    return 0;
}

const struct command command_import = {
    .name = "import",
    .related = "new add start export qemu-img(1) maqet.yaml(5)",
    .undoes = true,
    .undone = "Nothing was imported",
    .operands = {OPERAND_IMAGE},
    .summary = "Create a VM from an image of another program",
    .description =
        "Writes NAME.yaml, creates the VM's disk beside it with the content of the "
        "image, and adds the VM. The image is only read. It may have any format that "
        "qemu-img(1) reads, such as vmdk, vdi, vhdx, vpc, qcow2 and raw.\n"
        "An image can name other files: a backing file, extents, a data file. These are "
        "not read unless --with names them, too, since a downloaded image could "
        "otherwise make any file of this host readable in the guest.\n"
        "The image must not be open for writing. Snapshots in it are not imported. "
        "Guests that have no drivers for virtio, such as Windows, need --interface sata; "
        "those that were installed with UEFI need --firmware uefi.",
    .options = {OPTION_ROW("name", .type = OPTION_TEXT, .argument = "NAME",
                           .help = "the name of the VM; required"),
                OPTION_ROW("format", .type = OPTION_CHOICE, .argument = "FORMAT",
                           .choice = format_or_image_format,
                           .help = "the format of the image, which qemu-img finds out "
                                   "otherwise; or the format of the result, as for "
                                   "every command"),
                OPTION_ROW("with", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "another file that the image may name; may be "
                                   "repeated"),
                OPTION_ROW("type", .type = OPTION_TEXT, .argument = "TYPE",
                           .fallback = MAQET_DEFAULT_STORAGE, .value = OPERAND_TYPE,
                           .help = "the type of the disk"),
                OPTION_ROW("disk", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "create the disk there"),
                OPTION_ROW("overcommit",
                           .help = "the disk may become larger than there is space"),
                OPTION_ROW("interface", .type = OPTION_TEXT, .argument = "NAME",
                           .help = "how the disk is attached, such as sata"),
                OPTION_ROW("firmware", .type = OPTION_TEXT, .argument = "NAME",
                           .help = "bios or uefi"),
                OPTION_ROW("memory", .type = OPTION_TEXT, .argument = "SIZE",
                           .fallback = "2G", .help = "the guest's memory"),
                OPTION_ROW("vcpus", .type = OPTION_TEXT, .argument = "NUMBER",
                           .fallback = "2", .help = "the number of vCPUs"),
                OPTION_ROW("file", .type = OPTION_TEXT, .argument = "FILE",
                           .help = "write this file instead of NAME.yaml")},
    .examples = {{"maqet import server.vmdk --name server",
                  "Create the VM server, whose disk has the content of this image"},
                 {"maqet import win.vdi --name win --interface sata --firmware uefi",
                  "The same for a guest that has no virtio drivers and boots by UEFI"}},
    .view = &view,
    .run = run,
};
