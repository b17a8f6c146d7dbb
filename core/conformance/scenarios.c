/* SPDX-License-Identifier: MIT */
#include "core/conformance/scenarios.h"

#include <fcntl.h>
#include <string.h>

#include "core/conformance/tool.h"
#include "core/qemu/objects.h"
#include "core/storage/elsewhere.h"
#include "core/storage/slots.h"
#include "core/storage/snapshots.h"

/* ---- of both kinds ---- */

static int
validate(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    if (!bench->is_iface)
        return drive->storage->plugin.validate
                   ? drive->storage->plugin.validate(drive, err)
                   : SCENARIO_NONE;
    return drive->iface->plugin.validate ? drive->iface->plugin.validate(drive, err)
                                         : SCENARIO_NONE;
}

/* As the guest's CD-ROM drive, which not every plugin can be. */
static int
validate_cdrom(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    enum maqet_media before = drive->media;

    if (!drive->storage->plugin.interface)
        return SCENARIO_NONE;
    drive->media = MAQET_MEDIA_CDROM;
    int result = validate(bench, drive, err);
    drive->media = before;
    return result;
}

/* ---- of storages ---- */

static int
emit_args(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    return bench->is_iface ? SCENARIO_NONE
                           : drive->storage->plugin.emit_args(drive, args, err);
}

static int
space(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t at_once = 0, at_most = 0;

    return bench->is_iface || !bench_has_path(bench)
               ? SCENARIO_NONE
               : drive->storage->plugin.space(drive, &at_once, &at_most, err);
}

/* The option is taken away behind the plugin's back, as if nobody had written it. */
static int
space_unsized(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t at_once = 0, at_most = 0;
    json_object *tree = drive->tree;

    if (bench->is_iface || !bench_has_path(bench) || !bench_has_size(bench))
        return SCENARIO_NONE;
    drive->tree = maqet_tree_copy(tree);
    bench_set(drive->tree, "size", NULL);
    int result = drive->storage->plugin.space(drive, &at_once, &at_most, err);
    json_object_put(drive->tree);
    drive->tree = tree;
    return result;
}

static int
create_at(struct bench *bench, struct maqet_drive *drive, const char *name, bool stands,
          struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, name);

    if (bench->is_iface || !bench_has_path(bench))
        return SCENARIO_NONE;
    if (stands)
        bench_write(path, "", 0, NULL);
    int result = drive->storage->plugin.create(drive, path, err);
    unlink(path);
    return result;
}

static int
create(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return create_at(bench, drive, ".scenario.maqet-new", true, err);
}

static int
create_nowhere(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return create_at(bench, drive, "no-such-folder/image", false, err);
}

static int
create_failing(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    if (bench->is_iface || !bench_has_path(bench) || tool_replace(bench, TOOL_FAILS) < 0)
        return SCENARIO_NONE;
    int result = create(bench, drive, err);
    tool_restore(bench);
    return result;
}

static int
inspect_fd(struct bench *bench, struct maqet_drive *drive, int fd,
           struct maqet_error **err)
{
    struct maqet_image image = {.drive = drive};

    if (bench->is_iface || !drive->storage->plugin.inspect || fd < 0)
        return SCENARIO_NONE;
    int result = drive->storage->plugin.inspect(drive, fd, &image, err);
    maqet_image_clear(&image);
    return result;
}

static int
inspect_at(struct bench *bench, struct maqet_drive *drive, const char *path,
           struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    return bench_has_path(bench) ? inspect_fd(bench, drive, fd, err) : SCENARIO_NONE;
}

static int
inspect_image(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return drive->path ? inspect_at(bench, drive, drive->path, err) : SCENARIO_NONE;
}

static int
inspect_empty(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return inspect_at(bench, drive, "/dev/null", err);
}

/* Nothing can be read of it. */
static int
inspect_folder(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return inspect_at(bench, drive, bench->folder, err);
}

static int
helper(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    if (bench->is_iface || !drive->storage->plugin.helper)
        return SCENARIO_NONE;
    struct maqet_command *command = drive->storage->plugin.helper(drive, err);
    if (!command)
        return err && *err ? -1 : SCENARIO_NONE; /* both are right without a program */
    maqet_command_free(command);
    return 0;
}

/* ---- snapshots ---- */

static const struct maqet_snapshot_table *
table_of(const struct bench *bench, const struct maqet_drive *drive)
{
    return !bench->is_iface && drive->storage->snapshot.size > 0
               ? &drive->storage->snapshot
               : NULL;
}

static const struct maqet_snapshot nothing = {.id = (char *)"4711",
                                              .name = (char *)"no-such-snapshot"};

static int
load_nothing(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = table_of(bench, drive);

    return table ? table->load(drive, &nothing, err) : SCENARIO_NONE;
}

static int
remove_nothing(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = table_of(bench, drive);

    return table ? table->remove(drive, &nothing, err) : SCENARIO_NONE;
}

static int
list_at(struct bench *bench, struct maqet_drive *drive, const char *path,
        struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = table_of(bench, drive);
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return table && bench_has_path(bench) && fd >= 0
               ? table->list(drive, fd, &snapshots, err)
               : SCENARIO_NONE;
}

static int
list(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return drive->path ? list_at(bench, drive, drive->path, err) : SCENARIO_NONE;
}

static int
list_folder(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    return list_at(bench, drive, bench->folder, err);
}

/* With a qemu-img that fails; a plugin that needs none may succeed. */
static int
snapshot_failing(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = table_of(bench, drive);

    if (!table || tool_replace(bench, TOOL_FAILS) < 0)
        return SCENARIO_NONE;
    int result = table->create(drive, "never", err);
    tool_restore(bench);
    return result;
}

/* ---- of interfaces ---- */

static int
capacity(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_capacity answer = {0};

    return bench->is_iface ? drive->iface->plugin.capacity(drive, &answer, err)
                           : SCENARIO_NONE;
}

static int
emit_controller(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_capacity answer = {0};

    if (!bench->is_iface || !drive->iface->plugin.emit_controller ||
        drive->iface->plugin.capacity(drive, &answer, NULL) < 0 ||
        answer.controllers == 0)
        return SCENARIO_NONE;
    return drive->iface->plugin.emit_controller(drive, "maqet-check-0", args, err);
}

static int
emit_device(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_capacity answer = {0};
    struct maqet_slot slot = {0};

    if (!bench->is_iface || drive->iface->plugin.capacity(drive, &answer, NULL) < 0)
        return SCENARIO_NONE;
    if (answer.builtin == 0)
        slot.controller = "maqet-check-0";
    return drive->iface->plugin.emit_device(drive, &slot, args, err);
}

const struct scenario scenarios[] = {
    {"validate", validate},
    {"validate as a CD-ROM drive", validate_cdrom},
    {"space", space},
    {"space without a size", space_unsized},
    {"create", create},
    {"create in a folder that isn't there", create_nowhere},
    {"create with a qemu-img that fails", create_failing},
    {"inspect of an image", inspect_image},
    {"inspect of an empty file", inspect_empty},
    {"inspect of what cannot be read", inspect_folder},
    {"emit_args", emit_args},
    {"helper", helper},
    {"snapshot.load of none", load_nothing},
    {"snapshot.remove of none", remove_nothing},
    {"snapshot.list", list},
    {"snapshot.list of what cannot be read", list_folder},
    {"snapshot.create with a qemu-img that fails", snapshot_failing},
    {"capacity", capacity},
    {"emit_controller", emit_controller},
    {"emit_device", emit_device},
    {0},
};

/* ---- a whole life ---- */

static void
live_snapshots(struct bench *bench, struct maqet_drive *drive)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (!table_of(bench, drive) ||
        maqet_drive_snapshot_create(drive, "lived", NULL, NULL) < 0 ||
        maqet_drive_snapshots_read(drive, &snapshots, NULL) < 0)
        return;
    const struct maqet_snapshot *made = maqet_snapshots_find(&snapshots, "lived", NULL);
    if (!made)
        return;
    maqet_drive_snapshot_load(drive, made, NULL);
    maqet_drive_snapshot_remove(drive, made, NULL, NULL);
}

/* As the core would: only where the size is known, and never to less. A service may have
 * kept what an earlier check has made larger. */
static void
grow(struct bench *bench, struct maqet_drive *drive)
{
    struct maqet_image_state state;

    if (bench->is_iface || !drive->storage->plugin.resize ||
        maqet_drive_inspect(drive, &state, NULL) < 0 || state.virtual_size == 0)
        return;
    bench_doing(bench, "resize");
    drive->storage->plugin.resize(drive, state.virtual_size + BENCH_SIZE, NULL);
}

int
scenarios_live(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, name, NULL, 0, err);
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    if (!drive)
        return -1;
    bench_prepare(bench, drive, NULL);
    bench_emit(bench, drive, &argv, NULL);
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        bench_doing(bench, "%s", scenario->name);
        scenario->call(bench, drive, &error);
    }
    bench_doing(bench, "a snapshot's callbacks");
    live_snapshots(bench, drive);
    grow(bench, drive);
    return 0;
}
