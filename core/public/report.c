/* SPDX-License-Identifier: MIT */
/*
 * report.c - what plugins report of images, of their users, of damage, snapshots and
 * places (maqet-plugin.h).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/qemu/keyval.h"
#include "core/storage/check.h"
#include "core/storage/image.h"
#include "core/storage/slots.h"
#include "core/storage/snapshots.h"

/* Functions that report a number, or ask for one member. */
#define REPORTED(function, of, member, type)                                             \
    void function(struct of *object, type value)                                         \
    {                                                                                    \
        object->member = value;                                                          \
    }
#define ASKED(type, function, of, member)                                                \
    type function(const struct of *object)                                               \
    {                                                                                    \
        return object->member;                                                           \
    }

REPORTED(maqet_image_virtual_size, maqet_image, virtual_size, uint64_t)
REPORTED(maqet_snapshot_vm_clock, maqet_snapshot, vm_clock, uint64_t)
REPORTED(maqet_snapshot_vm_state, maqet_snapshot, vm_state, uint64_t)
REPORTED(maqet_snapshot_virtual_size, maqet_snapshot, virtual_size, uint64_t)
REPORTED(maqet_capacity_builtin, maqet_capacity, builtin, uint32_t)
ASKED(const char *, maqet_snapshot_id, maqet_snapshot, id)
ASKED(const char *, maqet_snapshot_name, maqet_snapshot, name)
ASKED(const char *, maqet_slot_controller, maqet_slot, controller)
ASKED(uint32_t, maqet_slot_index, maqet_slot, index)

/* ---- what an image says of itself ---- */

void
maqet_image_format(struct maqet_image *image, const char *format)
{
    free(image->format);
    image->format = maqet_strdup(format);
}

/* Whether the file that the configuration names may stand for the one that the image
 * names. The same file may. So may any file where the name in the image leads to none:
 * then the image, or its folder, has been moved since the name was written, and QEMU gets
 * the name from the configuration anyway. A name that leads to another file may have been
 * meant; which of the two it is, is for the user to say. */
static bool
may_stand_for(const char *declared, const char *named)
{
    struct stat status;

    if (strcmp(declared, named) == 0 || maqet_file_is_same(declared, named))
        return true;
    return stat(declared, &status) == 0 && stat(named, &status) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

void
maqet_image_names_file(struct maqet_image *image, const char *option, const char *what,
                       const char *name)
{
    const char *declared = option ? maqet_drive_text(image->drive, option) : NULL;
    _cleanup_free_ char *folder =
        image->drive->path ? maqet_path_folder(image->drive->path) : maqet_strdup("");
    /* "~" is a name like any other in an image. */
    _cleanup_free_ char *named = maqet_qemu_path(name, folder);

    if (declared && !maqet_qemu_has_protocol(name) && may_stand_for(declared, named)) {
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
maqet_image_relink(struct maqet_image *image, const char *format, ...)
{
    va_list arguments;

    free(image->relink);
    va_start(arguments, format);
    image->relink = maqet_vformat(format, arguments);
    va_end(arguments);
}

/* ---- who else uses it ---- */

void
maqet_holders_add(struct maqet_holders *holders, const char *who, const char *hint)
{
    maqet_strings_add(&holders->who, who ? who : "somebody");
    if (hint && !maqet_strings_has(&holders->hints, hint))
        maqet_strings_add(&holders->hints, hint);
}

/* ---- damage ---- */

/* Whether a file is the drive's own, and not one that the user names as its base. */
static bool
is_own(const struct maqet_drive *drive, const char *path)
{
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];

        if (strcmp(node->file ? node->file : "", path) == 0)
            return node->creator != MAQET_NODE_DECLARED;
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
    *file = (struct maqet_checked_file){
        .path = maqet_strdup(path),
        .written = !maqet_drive_readonly(drive) && is_own(drive, path),
    };
    return file;
}

void
maqet_check_damage(struct maqet_check_report *report, const char *path,
                   const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_strings_take(&file_of(report, path ? path : "")->damage,
                       maqet_vformat(format, arguments));
    va_end(arguments);
}

void
maqet_check_counts(struct maqet_check_report *report, const char *path, uint64_t errors,
                   uint64_t leaks, uint64_t errors_fixed, uint64_t leaks_fixed)
{
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
    struct maqet_snapshot *snapshot = maqet_alloc(sizeof(*snapshot));

    snapshot->id = maqet_strdup(id ? id : "");
    snapshot->name = maqet_strdup(name ? name : "");
    *MAQET_APPEND(snapshots->items, snapshots->count) = snapshot;
    return snapshot;
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

/* ---- places on a bus ---- */

void
maqet_capacity_controllers(struct maqet_capacity *capacity, uint32_t controllers,
                           uint32_t drives)
{
    /* Without places a controller is of no use. */
    capacity->controllers = drives ? controllers : 0;
    capacity->per_controller = drives;
}
