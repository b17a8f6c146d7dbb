/* SPDX-License-Identifier: MIT */
/*
 * drive.c - what plugins ask of a drive, and what they report of its image, its users, its
 * damage, its snapshots and its slots (maqet-plugin.h). The functions in public/ are for
 * plugins only. Those that the core calls, too, are in the files of their subjects: errors
 * in base/error.c, objects and actions in qemu/objects.c, maqet_drive_error(),
 * maqet_drive_readonly(), maqet_drive_empty() and maqet_warn() in storage/drive.c,
 * maqet_command_free() in plugin/call.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/mask.h"
#include "core/plugin/call.h"
#include "core/qemu/keyval.h"
#include "core/storage/folder.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"
#include "core/storage/secret.h"
#include "core/storage/slots.h"
#include "core/storage/snapshots.h"

/* Functions that return a member, and functions that set one. */
#define GETTER(type, function, of, member)                                               \
    type function(const struct of *object)                                               \
    {                                                                                    \
        return object->member;                                                           \
    }
#define SETTER(function, of, member, type)                                               \
    void function(struct of *object, type value)                                         \
    {                                                                                    \
        object->member = value;                                                          \
    }

GETTER(const char *, maqet_drive_name, maqet_drive, name)
GETTER(const char *, maqet_drive_vm_name, maqet_drive, machine->vm_name)
GETTER(const char *, maqet_drive_machine, maqet_drive, machine->type)
GETTER(const char *, maqet_drive_arch, maqet_drive, machine->arch)
GETTER(enum maqet_media, maqet_drive_media, maqet_drive, media)
GETTER(const char *, maqet_drive_path, maqet_drive, path)
GETTER(const char *, maqet_drive_socket, maqet_drive, socket)
GETTER(const char *, maqet_drive_type, maqet_drive, storage->plugin.name)
GETTER(const char *, maqet_drive_backing_node, maqet_drive, backing.node)
GETTER(const char *, maqet_drive_backing_name, maqet_drive, backing.name)
GETTER(const char *, maqet_drive_backing_format, maqet_drive, backing.format)
GETTER(bool, maqet_drive_running, maqet_drive, running)
GETTER(const char *, maqet_snapshot_id, maqet_snapshot, id)
GETTER(const char *, maqet_snapshot_name, maqet_snapshot, name)
GETTER(const char *, maqet_slot_controller, maqet_slot, controller)
GETTER(uint32_t, maqet_slot_index, maqet_slot, index)
SETTER(maqet_image_virtual_size, maqet_image, virtual_size, uint64_t)
SETTER(maqet_snapshot_vm_clock, maqet_snapshot, vm_clock, uint64_t)
SETTER(maqet_snapshot_vm_state, maqet_snapshot, vm_state, uint64_t)
SETTER(maqet_snapshot_virtual_size, maqet_snapshot, virtual_size, uint64_t)
SETTER(maqet_capacity_builtin, maqet_capacity, builtin, uint32_t)

bool
maqet_drive_snapshot_date(const struct maqet_drive *drive, int64_t *seconds,
                          uint32_t *nanoseconds, uint64_t *vm_clock)
{
    const struct maqet_snapshot *copied = drive->copied_snapshot;

    if (!copied)
        return false;
    *seconds = copied->seconds;
    *nanoseconds = copied->nanoseconds;
    *vm_clock = copied->vm_clock;
    return true;
}

/* ---- a drive and its options ---- */

/* The slot of an option of the plugin that asks; NULL: there is none. An option that no
 * table has is a mistake of the plugin, which is reported, except that an interface may ask
 * for an option that some storages have. */
static const struct maqet_value *
value_of(const struct maqet_drive *drive, const char *option)
{
    bool of_interface = maqet_call_current()->of_interface;
    enum maqet_whose whose = of_interface ? MAQET_OF_INTERFACE : MAQET_OF_STORAGE;
    const struct maqet_option *table = drive->options[whose].tables[0];

    if (of_interface && maqet_text_starts(option, MAQET_STORAGE_FORM))
        return maqet_drive_value(drive, MAQET_OF_STORAGE,
                                 option + strlen(MAQET_STORAGE_FORM));
    if (table && !maqet_options_find(table, option))
        maqet_context_misuse(drive->context,
                             "A plugin asks for the option '%s', which is not in its "
                             "table",
                             option);
    return maqet_drive_value(drive, whose, option);
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

uint32_t
maqet_drive_qemu_version(const struct maqet_drive *drive)
{
    return maqet_machine_qemu_version(drive->machine);
}

/* What QEMU takes of a node-name, and what a suffix may have of it. */
enum { NODE_NAME_MAX = 31, SUFFIX_MAX = 8 };

/* No drive begins with "maqet-", and a suffix has no hyphen, so names of two drives differ. A
 * long drive's name is replaced by its hash. */
const char *
maqet_drive_child_node(const struct maqet_drive *drive, const char *suffix)
{
    /* An overlay is a drive with the name of the one that it is for. */
    bool overlay = drive->backing.node != NULL;
    char *name = overlay ? maqet_format("%s-%s", maqet_drive_node(drive), suffix)
                         : maqet_format("maqet-%s-%s", drive->name, suffix);

    if (strspn(suffix, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(suffix) ||
        *suffix < 'a' || strlen(suffix) > SUFFIX_MAX)
        maqet_context_misuse(drive->context,
                             "The plugin '%s' gives a node the invalid suffix '%s'",
                             drive->storage->plugin.name, suffix);
    if (strlen(name) > NODE_NAME_MAX) {
        free(name);
        const char *own = overlay ? maqet_drive_node(drive) : drive->name;
        name = maqet_format("maqet-%016" PRIx64 "-%.*s",
                            (uint64_t)XXH3_64bits(own, strlen(own)), SUFFIX_MAX, suffix);
    }
    for (size_t i = 0; i < drive->children->count; i++)
        if (strcmp(drive->children->items[i], name) == 0) {
            free(name);
            return drive->children->items[i];
        }
    maqet_strings_take(drive->children, name);
    return name;
}

const char *
maqet_drive_interface(const struct maqet_drive *drive)
{
    return drive->iface ? drive->iface->plugin.name : "";
}

size_t
maqet_drive_count(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = value_of(drive, option);

    return value ? value->count : 0;
}

const char *
maqet_drive_secret(const struct maqet_drive *drive, const char *option, size_t *size,
                   struct maqet_error **err)
{
    return maqet_drive_read_secret(drive, value_of(drive, option), option, size, err);
}

void
maqet_debug(const struct maqet_drive *drive, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *message =
        maqet_text_limit(maqet_vformat(format, arguments), MAQET_DRIVE_MESSAGE_MAX);
    va_end(arguments);
    maqet_context_say(drive->context, MAQET_LEVEL_DEBUG,
                      "Drive '%s' of VM '%s' (plugin %s): %s", drive->name,
                      drive->machine->vm_name,
                      maqet_call_current()->of_interface ? drive->iface->plugin.name
                                                         : drive->storage->plugin.name,
                      message);
}

/* ---- what a plugin keeps for a drive ---- */

const char *
maqet_drive_folder(const struct maqet_drive *drive)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    /* Most plugins never ask for it. */
    if (maqet_call_current()->may_use_files &&
        maqet_drive_folder_make(drive, &reason) < 0 &&
        reason->code != MAQET_ERROR_MISSING)
        maqet_warn(drive, "%s", reason->message);
    return drive->folder;
}

void *
maqet_drive_handle(const struct maqet_drive *drive)
{
    const struct maqet_call *call = maqet_call_current();

    return call->about == drive ? call->handle : NULL;
}

/* ---- during a call ---- */

int64_t
maqet_time_left(const struct maqet_drive *drive)
{
    (void)drive;
    return maqet_call_left();
}

/* ms between two reports of progress: a plugin may call this for every block. */
static const int64_t SHOW_INTERVAL = 100;

void
maqet_progress(const struct maqet_drive *drive, double percent)
{
    static int64_t shown;
    const struct maqet_context *context = drive->context;
    int64_t now = maqet_now();

    if (!context->progress || (shown != 0 && now - shown < SHOW_INTERVAL))
        return;
    shown = now;
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    /* NaN is not known. */
    percent = percent >= 0 ? (percent < 100 ? percent : 100) : -1;
    context->progress(context->data, what, percent, maqet_call_elapsed());
}

/* ---- the image ---- */

/* Whether the callback may report a text (or NULL). */
static bool
takes(const char *text)
{
    return maqet_call_takes(text ? strlen(text) : 0);
}

void
maqet_image_missing(struct maqet_image *image)
{
    image->missing = true;
}

void
maqet_image_format(struct maqet_image *image, const char *format)
{
    if (!takes(format))
        return;
    free(image->format);
    image->format = maqet_strdup(format);
}

/* Whether QEMU may get the file that the configuration declares instead of the one that is
 * named in the image: it is the same file, or the name leads to none, since the image or
 * its folder was moved. If the name leads to another file, the user must decide. */
static bool
may_replace(const char *declared, const char *named)
{
    struct stat status;

    if (strcmp(declared, named) == 0 || maqet_file_is_same(declared, named))
        return true;
    return stat(declared, &status) == 0 && stat(named, &status) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

/* Whether an overlay stands on a file: between the two, others may have been merged. */
static bool
is_below(const struct maqet_drive *overlay, const char *file)
{
    const struct maqet_overlays *overlays = overlay->overlay_for->overlays;

    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].file.file &&
            maqet_file_is_same(overlays->nodes[i].file.file, file))
            return maqet_overlays_stands_on(overlays, overlay->overlay_id,
                                            overlays->nodes[i].id);
    return false;
}

/* Whether a name is that by which overlays store what they all stand on, which is no file. */
static bool
is_lowest(const struct maqet_drive *overlay, const char *name)
{
    const struct maqet_overlay *lowest =
        maqet_overlays_node(overlay->overlay_for->overlays, 0);

    return (lowest->stored_name && strcmp(lowest->stored_name, name) == 0) ||
           (lowest->former_name && strcmp(lowest->former_name, name) == 0);
}

void
maqet_image_names_file(struct maqet_image *image, const char *option, const char *what,
                       const char *name)
{
    if (!takes(what) || !takes(name))
        return;
    const char *declared = option ? maqet_drive_text(image->drive, option) : NULL;
    _cleanup_free_ char *folder =
        image->drive->path ? maqet_path_folder(image->drive->path) : maqet_strdup("");
    /* In an image, "~" has no special meaning. */
    _cleanup_free_ char *named = maqet_qemu_path(name, folder);

    if (image->drive->overlay_for &&
        (is_below(image->drive, named) || is_lowest(image->drive, name)))
        return;
    if (declared && !maqet_qemu_has_protocol(name) && may_replace(declared, named)) {
        maqet_chain_add_node(&image->bases, option, declared);
        return;
    }
    if (image->undeclared)
        return;
    image->undeclared = maqet_format("%s '%s'", what, name);
    image->named = maqet_qemu_has_protocol(name) ? NULL : TAKE_PTR(named);
    image->declared = maqet_strdup(declared);
    image->option = option;
}

void
maqet_image_file(struct maqet_image *image, const char *path)
{
    if (takes(path))
        maqet_strings_add(&image->drive->reported->files, path ? path : "");
}

void
maqet_image_relink(struct maqet_image *image, const char *format, ...)
{
    va_list arguments;

    free(image->relink);
    va_start(arguments, format);
    image->relink =
        maqet_text_limit(maqet_vformat(format, arguments), MAQET_DRIVE_MESSAGE_MAX);
    va_end(arguments);
}

/* ---- its users ---- */

void
maqet_holders_add(struct maqet_holders *holders, const char *who, const char *hint)
{
    if (!takes(who) || !takes(hint))
        return;
    maqet_strings_take(&holders->who, maqet_mask(maqet_strdup(who ? who : "somebody")));
    if (hint && !maqet_strings_has(&holders->hints, hint))
        maqet_strings_take(&holders->hints, maqet_mask(maqet_strdup(hint)));
}

/* ---- damage ---- */

/* Whether a file belongs to the drive, rather than being declared as its backing file. */
static bool
is_own(const struct maqet_drive *drive, const char *path)
{
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];

        if (strcmp(node->file ? node->file : "", path) == 0)
            return !node->declared;
    }
    return !drive->path;
}

static struct maqet_checked_file *
file_of(struct maqet_check_report *report, const char *path)
{
    const struct maqet_drive *drive = report->drive;

    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->files[i].path, path) == 0)
            return &report->files[i];
    struct maqet_checked_file *file = MAQET_APPEND(report->files, report->count);
    file->path = maqet_mask(maqet_strdup(path));
    file->written = !maqet_drive_readonly(drive) && is_own(drive, path);
    return file;
}

void
maqet_check_damage(struct maqet_check_report *report, const char *path,
                   const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *damage = maqet_text_limit(
        maqet_mask(maqet_vformat(format, arguments)), MAQET_DRIVE_MESSAGE_MAX);
    va_end(arguments);
    if (takes(path) && takes(damage))
        maqet_strings_take(&file_of(report, path ? path : "")->damage, TAKE_PTR(damage));
}

void
maqet_check_counts(struct maqet_check_report *report, const char *path, uint64_t errors,
                   uint64_t leaks, uint64_t errors_fixed, uint64_t leaks_fixed)
{
    if (!takes(path))
        return;
    struct maqet_checked_file *file = file_of(report, path ? path : "");
    file->counted = true;
    file->errors = errors;
    file->leaks = leaks;
    file->errors_fixed = errors_fixed;
    file->leaks_fixed = leaks_fixed;
}

/* ---- snapshots ---- */

struct maqet_snapshot *
maqet_snapshots_add(struct maqet_snapshots *snapshots, const char *id, const char *name)
{
    bool fits = takes(id) && takes(name);

    /* What is set of the one that is returned does not matter then. */
    if (!fits && snapshots->count > 0)
        return snapshots->items[snapshots->count - 1];
    if (!fits)
        id = name = "";
    return maqet_snapshots_append(snapshots, maqet_mask(maqet_strdup(id ? id : "")),
                                  maqet_mask(maqet_strdup(name ? name : "")));
}

void
maqet_snapshot_date(struct maqet_snapshot *snapshot, int64_t seconds,
                    uint32_t nanoseconds)
{
    snapshot->seconds = seconds;
    snapshot->nanoseconds = nanoseconds;
}

void
maqet_snapshot_used(struct maqet_snapshot *snapshot, uint64_t bytes)
{
    snapshot->used = bytes;
    snapshot->used_known = true;
}

/* ---- slots ---- */

void
maqet_capacity_controllers(struct maqet_capacity *capacity, uint32_t controllers,
                           uint32_t drives)
{
    /* A controller without slots is useless. */
    capacity->controllers = drives ? controllers : 0;
    capacity->per_controller = drives;
}
