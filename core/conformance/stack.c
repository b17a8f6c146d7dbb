/* SPDX-License-Identifier: MIT */
#include "core/conformance/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/conformance/made_up.h"
#include "core/qemu/objects.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_table.h"
#include "core/storage/overlay_view.h"

struct maqet_drive *
stack_drive(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, name, BENCH_SIZE);

    bench_set(entry, "snapshots", "overlay");
    struct maqet_drive *drive = bench_drive_of(bench, entry, err);
    if (drive)
        maqet_drive_take_overlays(drive);
    return drive;
}

struct maqet_drive *
stack_make(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = stack_drive(bench, name, err);

    return drive && bench_prepare(drive, err) == 0 ? TAKE_PTR(drive) : NULL;
}

/* ---- callbacks ---- */

static int
create(const struct maqet_drive *drive, const struct maqet_overlay *node,
       struct maqet_error **err)
{
    static const mode_t mode = 0640;
    _cleanup_view_ struct maqet_view view = {0};
    _cleanup_close_ int fd =
        open(node->file.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat before, after;

    if (fd < 0 || fchmod(fd, mode) < 0 || fstat(fd, &before) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", node->file.file);
    if (maqet_view_make(drive, node->id, &view, err) < 0 ||
        MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, create, node->file.file,
                           node->size) < 0)
        return -1;
    if (lstat(node->file.file, &after) < 0 || after.st_ino != before.st_ino)
        return bench_fail(err, "Write to the empty file that is at the path",
                          "overlay.create replaces the file that is at the path");
    return after.st_mode == before.st_mode
               ? 0
               : bench_fail(err, "Leave the permissions of the file alone",
                            "overlay.create changes the permissions of the file from "
                            "%04o to %04o",
                            mode, after.st_mode & 07777);
}

int
stack_put(struct maqet_drive *drive, uint64_t parent, uint64_t bytes, uint64_t *id,
          struct maqet_error **err)
{
    if (maqet_dir_make(drive->overlays->folder, 0700, err) < 0)
        return -1;
    *id = maqet_overlays_add(drive->overlays, parent, bytes)->id;
    drive->overlays->top = *id;
    return create(drive, maqet_overlays_node(drive->overlays, *id), err);
}

/* As the core calls a callback that writes. */
#define CALL(err, drive, id, callback, ...)                                              \
    ({                                                                                   \
        _cleanup_view_ struct maqet_view view_ = {0};                                    \
        int called_ = maqet_view_make(drive, id, &view_, err);                           \
        if (called_ == 0) {                                                              \
            view_.drive->readonly = false;                                               \
            view_.drive->backing.written = strcmp(#callback, "merge_down") == 0;         \
            called_ = MAQET_OVERLAY_CALL(err, view_.drive, MAQET_CALL_LONG, callback,    \
                                         ##__VA_ARGS__);                                 \
        }                                                                                \
        called_;                                                                         \
    })

int
stack_merge_down(struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    return CALL(err, drive, id, merge_down);
}

int
stack_merge_up(struct maqet_drive *drive, uint64_t id, const struct maqet_overlay *lower,
               struct maqet_error **err)
{
    _cleanup_free_ char *name =
        lower ? maqet_overlays_backing_name(drive->overlays, lower) : NULL;

    return CALL(err, drive, id, merge_up, name,
                lower ? drive->storage->plugin.format : NULL);
}

int
stack_rename(struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    return CALL(err, drive, id, rename_backing);
}

int
stack_used(struct maqet_drive *drive, uint64_t id, uint64_t *bytes,
           struct maqet_error **err)
{
    return maqet_overlay_nodes_used(drive, id, bytes, err);
}

/* ---- data ---- */

void
stack_commands(const char *disk, bool writes, struct maqet_strings *commands)
{
    for (int i = 0; disk[i]; i++)
        if (disk[i] != '.')
            maqet_strings_addf(commands, "%s -P %c %dM 64k", writes ? "write" : "read",
                               disk[i], i);
}

int
stack_io(struct maqet_drive *drive, uint64_t id, const struct maqet_strings *commands,
         bool writes, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_command *command;

    drive->overlays->top = id;
    if (maqet_storage_emit_node(drive, id, args, err) < 0)
        return -1;
    command = maqet_command_new("qemu-io");
    if (!writes)
        maqet_command_word(command, "-r");
    for (size_t i = 0; i < commands->count; i++) {
        maqet_command_word(command, "-c");
        maqet_command_word(command, commands->items[i]);
    }
    if (!maqet_args_render_image(args, name, &command->argv)) {
        maqet_command_free(command);
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "emit_args emits no image that qemu-io could open");
    }
    _cleanup_free_ char *output = maqet_command_output(command, NULL, err);
    if (!output)
        return -1;
    return strstr(output, "verification failed")
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "its data is different")
               : 0;
}

int
stack_write(struct maqet_drive *drive, uint64_t id, const char *disk,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings commands = MAQET_STRINGS_INIT;

    stack_commands(disk, true, &commands);
    return stack_io(drive, id, &commands, true, err) < 0
               ? maqet_error_wrap(err, "Writing to an overlay, or to what is below")
               : 0;
}

int
stack_read(struct maqet_drive *drive, uint64_t id, const char *disk, const char *what,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings commands = MAQET_STRINGS_INIT;

    stack_commands(disk, false, &commands);
    return stack_io(drive, id, &commands, false, err) < 0
               ? maqet_error_wrap(err, "%s", what)
               : 0;
}
