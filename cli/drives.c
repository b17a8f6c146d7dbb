/* SPDX-License-Identifier: MIT */
#include "cli/drives.h"

#include "core/machine/check.h"
#include "core/storage/image.h"

MAQET_WORDS(media_word, "disk", "cdrom")

#define DESCRIBED_ROWS                                                                   \
    MAQET_ROW(struct drive_row, name, "the drive's name"),                               \
        MAQET_ROW(struct drive_row, type, "its storage plugin"),                         \
        MAQET_ROW(struct drive_row, interface,                                           \
                  "the interface plugin; null if it is a share", .optional = true),      \
        {"media", MAQET_FIELD_CHOICE(struct drive_row, media, media_word),               \
         .optional = true, .help = "what the guest sees; null if it is a share"},        \
        MAQET_ROW(struct drive_row, file, "its image, or what else it is made of",       \
                  .optional = true)

const struct maqet_fields drive_fields =
    MAQET_FIELDS_OF(struct drive_row, DESCRIBED_ROWS);
const struct maqet_fields inspected_drive_fields = MAQET_FIELDS_OF(
    struct drive_row, DESCRIBED_ROWS,
    MAQET_ROW(struct drive_row, virtual_size,
              "what the guest sees; null if it is not known",
              .known = MAQET_KNOWN(struct drive_row, size_known),
              .unit = MAQET_UNIT_BYTES, .title = "SIZE"),
    MAQET_ROW(struct drive_row, allocated_size,
              "what the image occupies on the host; null if there is none",
              .known = MAQET_KNOWN(struct drive_row, there), .unit = MAQET_UNIT_BYTES,
              .title = "ALLOCATED"),
    MAQET_ROW(struct drive_row, damage, "what damage can be seen at once, in sentences"),
    MAQET_ROW(struct drive_row, fault,
              "what keeps it from being used now; null if nothing does",
              .optional = true),
    MAQET_ROW(struct drive_row, attached,
              "whether the running QEMU really has it; null if it was not asked, or the "
              "drive is a share",
              .known = MAQET_KNOWN(struct drive_row, asked)));

/* NULL for a share, which is not a block device. */
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
    return media_word(drive->media == MAQET_MEDIA_CDROM);
}

/* The value of an option, or its first item. */
static const char *
text_of(const struct maqet_drive *drive, const struct maqet_option *option)
{
    _cleanup_free_ char *first = maqet_format("%s.0", option->name);

    return maqet_drive_text(drive,
                            option->type == MAQET_OPTION_LIST ? first : option->name);
}

/* The image, or if the drive's type has none, the first path or required option, which says
 * where the data is. */
static const char *
file_of(const struct maqet_drive *drive)
{
    const struct maqet_option *option = drive->storage->common.options;

    if (drive->path || drive->storage->plugin.path_option)
        return drive->path;
    for (; option->name; option++) {
        bool is_path =
            option->type == MAQET_OPTION_PATH ||
            (option->type == MAQET_OPTION_LIST && option->items == MAQET_OPTION_PATH);

        if (is_path ||
            (option->flags & MAQET_REQUIRED && option->type != MAQET_OPTION_SECRET))
            return text_of(drive, option);
    }
    return NULL;
}

static struct drive_row
describe(const struct maqet_drive *drive)
{
    return (struct drive_row){
        .name = maqet_strdup(drive->name),
        .type = maqet_strdup(drive->storage->plugin.name),
        .interface = maqet_strdup(interface_of(drive)),
        .media = maqet_strdup(media_of(drive)),
        .file = maqet_strdup(file_of(drive)),
    };
}

static void
add_damage(const struct maqet_drive *drive, bool running, struct drive_row *row)
{
    maqet_vm_drive_damage(drive, running, &row->damage);
    for (size_t i = 0; i < row->damage.count; i++)
        maqet_context_say(
            drive->context, MAQET_LEVEL_WARNING,
            "Drive '%s' of VM '%s': %s. See what is wrong: maqet check %s %s",
            drive->name, drive->machine->vm_name, row->damage.items[i],
            drive->machine->vm_name, drive->name);
}

static void
add_fault(const struct maqet_drive *drive, struct drive_row *row)
{
    row->fault = maqet_strdup(drive->fault ? drive->fault->message : NULL);
    if (!drive->fault || drive->fault->hints.count == 0)
        return;
    _cleanup_free_ char *steps = maqet_context_steps(drive->context, drive->fault, ". ");
    maqet_context_say(drive->context, MAQET_LEVEL_WARNING,
                      "Drive '%s' of VM '%s' cannot be used now: %s. %s", drive->name,
                      drive->machine->vm_name, drive->fault->message, steps);
}

static void
add_sizes(const struct maqet_drive *drive, struct drive_row *row)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state = {0};

    if (drive->path && maqet_image_inspect(drive, &state, &error) < 0)
        maqet_context_say(drive->context, MAQET_LEVEL_WARNING, "%s", error->message);
    row->size_known = state.virtual_size > 0;
    row->virtual_size = state.virtual_size;
    row->there = state.exists;
    row->allocated_size = state.allocated_size;
}

void
drives_describe(const struct maqet_vm *vm, struct drive_rows *rows)
{
    rows->items = maqet_alloc(vm->drive_count * sizeof(*rows->items) + 1);
    rows->count = vm->drive_count;
    for (size_t i = 0; i < vm->drive_count; i++)
        rows->items[i] = describe(vm->drives[i]);
}

void
drives_inspect(const struct maqet_vm *vm, bool running, struct drive_rows *rows)
{
    drives_describe(vm, rows);
    for (size_t i = 0; i < vm->drive_count; i++) {
        add_sizes(vm->drives[i], &rows->items[i]);
        add_damage(vm->drives[i], running, &rows->items[i]);
        add_fault(vm->drives[i], &rows->items[i]);
    }
}
