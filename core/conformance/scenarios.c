/* SPDX-License-Identifier: MIT */
#include "core/conformance/scenarios.h"

#include <fcntl.h>
#include <string.h>

#include "core/conformance/made_up.h"
#include "core/conformance/overlay_scenarios.h"
#include "core/conformance/tool.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/close.h"
#include "core/storage/image.h"
#include "core/storage/slots.h"
#include "core/storage/snapshots.h"

/* ---- of both kinds ---- */

static int
validate(struct bench *bench, struct maqet_error **err)
{
    return bench->validate ? bench->validate(bench->drive, err) : SCENARIO_NONE;
}

/* As a CD-ROM drive, which not every plugin supports. */
static int
validate_cdrom(struct bench *bench, struct maqet_error **err)
{
    enum maqet_media before = bench->drive->media;
    uint32_t media =
        bench->is_iface ? bench->iface->plugin.media : bench->storage->plugin.media;

    if (!bench->storage->plugin.interface || !(media & MAQET_MEDIA_CDROM))
        return SCENARIO_NONE;
    bench->drive->media = MAQET_MEDIA_CDROM;
    int result = validate(bench, err);
    bench->drive->media = before;
    return result;
}

/* ---- of storages ---- */

static int
emit_args(struct bench *bench, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    return bench->storage->plugin.emit_args(bench->drive, args, err);
}

static int
space(struct bench *bench, struct maqet_error **err)
{
    uint64_t at_once = 0, at_most = 0;

    return bench->storage->plugin.space(bench->drive, &at_once, &at_most, err);
}

/* Of a drive without a size. */
static int
space_unsized(struct bench *bench, struct maqet_error **err)
{
    struct maqet_drive *sized = bench->drive;
    _cleanup_json_ json_object *entry = maqet_tree_copy(sized->tree);

    made_up_set_storage(bench, entry, bench->storage->plugin.size_option, NULL);
    bench->drive = bench_drive_of(bench, entry, NULL);
    int result = bench->drive ? space(bench, err) : SCENARIO_NONE;
    maqet_drive_free(bench->drive);
    bench->drive = sized;
    return result;
}

static int
create(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, ".scenario.maqet-new");

    bench_write(path, "", 0, NULL);
    int result = bench->storage->plugin.create(bench->drive, path, err);
    unlink(path);
    return result;
}

static int
create_nowhere(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, "no-such-folder/image");

    return bench->storage->plugin.create(bench->drive, path, err);
}

static int
inspect_at(struct bench *bench, const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct maqet_image image = {.drive = bench->drive};

    if (fd < 0)
        return SCENARIO_NONE;
    int result = bench->storage->plugin.inspect(bench->drive, fd, &image, err);
    maqet_image_clear(&image);
    return result;
}

static int
inspect_image(struct bench *bench, struct maqet_error **err)
{
    const char *path = bench->drive->path;

    return path ? inspect_at(bench, path, err) : SCENARIO_NONE;
}

static int
inspect_empty(struct bench *bench, struct maqet_error **err)
{
    return inspect_at(bench, "/dev/null", err);
}

/* A folder cannot be read like a file. */
static int
inspect_folder(struct bench *bench, struct maqet_error **err)
{
    return inspect_at(bench, bench->folder, err);
}

/* Of storage that is not a file. */
static int
inspect_elsewhere(struct bench *bench, struct maqet_error **err)
{
    struct maqet_image image = {.drive = bench->drive};

    if (bench->storage->plugin.path_option)
        return SCENARIO_NONE;
    int result = bench->storage->plugin.inspect(bench->drive, -1, &image, err);
    maqet_image_clear(&image);
    return result;
}

static int
check_quickly(struct bench *bench, struct maqet_error **err)
{
    _cleanup_check_report_ struct maqet_check_report report = {.drive = bench->drive};

    return bench->storage->plugin.check(bench->drive, MAQET_CHECK_QUICK, &report, err);
}

static int
resize(struct bench *bench, struct maqet_error **err)
{
    return bench->storage->plugin.resize(bench->drive, 2 * BENCH_SIZE, err);
}

static int
live_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    return bench->storage->plugin.live_resize(bench->drive, 2 * BENCH_SIZE, actions, err);
}

static int
holders(struct bench *bench, struct maqet_error **err)
{
    struct maqet_holders found = {0};

    if (!bench->storage->plugin.holders)
        return SCENARIO_NONE;
    int result = bench->storage->plugin.holders(bench->drive, &found, err);
    maqet_strings_clear(&found.who);
    maqet_strings_clear(&found.hints);
    return result;
}

static int
helper(struct bench *bench, struct maqet_error **err)
{
    if (!bench->storage->plugin.helper)
        return SCENARIO_NONE;
    struct maqet_command *command = bench->storage->plugin.helper(bench->drive, err);
    if (!command)
        return err && *err ? -1 : SCENARIO_NONE; /* a drive may need no program */
    maqet_command_free(command);
    return 0;
}

/* ---- snapshots ---- */

static const struct maqet_snapshot nothing = {.id = (char *)"4711",
                                              .name = (char *)"no-such-snapshot"};

static int
load_nothing(struct bench *bench, struct maqet_error **err)
{
    return bench->storage->snapshot.load(bench->drive, &nothing, err);
}

static int
remove_nothing(struct bench *bench, struct maqet_error **err)
{
    return bench->storage->snapshot.remove(bench->drive, &nothing, err);
}

static int
list_at(struct bench *bench, const char *path, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? SCENARIO_NONE
                  : bench->storage->snapshot.list(bench->drive, fd, &snapshots, err);
}

static int
list(struct bench *bench, struct maqet_error **err)
{
    const char *path = bench->drive->path;

    return path ? list_at(bench, path, err) : SCENARIO_NONE;
}

static int
list_folder(struct bench *bench, struct maqet_error **err)
{
    return list_at(bench, bench->folder, err);
}

static int
create_snapshot(struct bench *bench, struct maqet_error **err)
{
    return bench->storage->snapshot.create(bench->drive, "never", err);
}

static int
live_create(struct bench *bench, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    return bench->storage->snapshot.live_create(bench->drive, "never", actions, err);
}

static int
live_remove(struct bench *bench, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    return bench->storage->snapshot.live_remove
               ? bench->storage->snapshot.live_remove(bench->drive, &nothing, actions,
                                                      err)
               : SCENARIO_NONE;
}

static int
write_out(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, "no-such-folder/copy");

    return bench->storage->snapshot.write_out
               ? bench->storage->snapshot.write_out(bench->drive, &nothing, path, "raw",
                                                    false, err)
               : SCENARIO_NONE;
}

/* ---- of interfaces ---- */

static int
capacity(struct bench *bench, struct maqet_error **err)
{
    struct maqet_capacity answer = {0};

    return bench->iface->plugin.capacity(bench->drive, &answer, err);
}

static int
emit_controller(struct bench *bench, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_capacity answer = {0};

    if (!bench->iface->plugin.emit_controller ||
        bench->iface->plugin.capacity(bench->drive, &answer, NULL) < 0 ||
        answer.controllers == 0)
        return SCENARIO_NONE;
    return bench->iface->plugin.emit_controller(bench->drive, "maqet-check-0", args, err);
}

static int
emit_device(struct bench *bench, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_capacity answer = {0};
    struct maqet_slot slot = {0};

    if (bench->iface->plugin.capacity(bench->drive, &answer, NULL) < 0)
        return SCENARIO_NONE;
    if (answer.builtin == 0)
        slot.controller = "maqet-check-0";
    return bench->iface->plugin.emit_device(bench->drive, &slot, args, err);
}

/* ---- the table ---- */

enum {
    NEEDS_IMAGE = NEEDS_PATH | NEEDS_INSPECT,
    NEEDS_LIST = NEEDS_PATH | NEEDS_SNAPSHOTS,
    NEEDS_OVERLAY = NEEDS_OVERLAYS | MAKES_DRIVE,
};

const struct scenario scenarios[] = {
    {"validate", OF_BOTH, 0, validate},
    {"validate as a CD-ROM drive", OF_BOTH, 0, validate_cdrom},
    {"space", OF_STORAGE, NEEDS_CREATE, space},
    {"space without a size", OF_STORAGE, NEEDS_CREATE | NEEDS_SIZE | MAKES_DRIVE,
     space_unsized},
    {"create", OF_STORAGE, NEEDS_CREATE, create},
    {"create in a folder that isn't there", OF_STORAGE, NEEDS_CREATE, create_nowhere},
    {"create with a qemu-img that fails", OF_STORAGE, NEEDS_CREATE | NEEDS_FAILING_TOOL,
     create},
    {"inspect of an image", OF_STORAGE, NEEDS_IMAGE, inspect_image},
    {"inspect of an empty file", OF_STORAGE, NEEDS_IMAGE, inspect_empty},
    {"inspect of what cannot be read", OF_STORAGE, NEEDS_IMAGE, inspect_folder},
    {"inspect without a path", OF_STORAGE, NEEDS_INSPECT, inspect_elsewhere},
    {"check", OF_STORAGE, NEEDS_CHECK, check_quickly},
    {"resize with a qemu-img that fails", OF_STORAGE, NEEDS_RESIZE | NEEDS_FAILING_TOOL,
     resize},
    {"live_resize", OF_STORAGE, NEEDS_LIVE_RESIZE, live_resize},
    {"holders", OF_STORAGE, 0, holders},
    {"emit_args", OF_STORAGE, 0, emit_args},
    {"helper", OF_STORAGE, 0, helper},
    {"snapshot.load of none", OF_STORAGE, NEEDS_SNAPSHOTS, load_nothing},
    {"snapshot.remove of none", OF_STORAGE, NEEDS_SNAPSHOTS, remove_nothing},
    {"snapshot.list", OF_STORAGE, NEEDS_LIST, list},
    {"snapshot.list of what cannot be read", OF_STORAGE, NEEDS_LIST, list_folder},
    {"snapshot.create with a qemu-img that fails", OF_STORAGE,
     NEEDS_SNAPSHOTS | NEEDS_FAILING_TOOL, create_snapshot},
    {"snapshot.live_create", OF_STORAGE, NEEDS_LIVE_CREATE, live_create},
    {"snapshot.live_remove", OF_STORAGE, NEEDS_SNAPSHOTS, live_remove},
    {"snapshot.write_out of none", OF_STORAGE, NEEDS_SNAPSHOTS, write_out},
    {"overlay.create", OF_STORAGE, NEEDS_OVERLAY, overlay_create},
    {"overlay.create in a folder that isn't there", OF_STORAGE, NEEDS_OVERLAY,
     overlay_create_nowhere},
    {"overlay.create with a qemu-img that fails", OF_STORAGE,
     NEEDS_OVERLAY | NEEDS_FAILING_TOOL, overlay_create},
    {"overlay.rename_backing of an empty file", OF_STORAGE, NEEDS_OVERLAY,
     overlay_rename_empty},
    {"overlay.merge_down of an empty file", OF_STORAGE, NEEDS_OVERLAY,
     overlay_merge_down_empty},
    {"overlay.merge_up of an empty file", OF_STORAGE, NEEDS_OVERLAY,
     overlay_merge_up_empty},
    {"overlay.used of an empty file", OF_STORAGE, NEEDS_OVERLAY, overlay_used_empty},
    {"overlay.used of what cannot be read", OF_STORAGE, NEEDS_OVERLAY,
     overlay_used_folder},
    {"capacity", OF_IFACE, 0, capacity},
    {"emit_controller", OF_IFACE, 0, emit_controller},
    {"emit_device", OF_IFACE, 0, emit_device},
    {0},
};

/* Whether the core calls it without what the plugin has opened. */
static bool
is_quick(const struct scenario *scenario)
{
    static const char *const quick[] = {
        "validate", "space", "emit_args", "helper", "live_", "snapshot.live_", "check"};

    for (size_t i = 0; i < sizeof(quick) / sizeof(*quick); i++)
        if (maqet_text_starts(scenario->name, quick[i]))
            return true;
    return scenario->kinds == OF_IFACE;
}

/* What the plugin asks for is answered as when the core calls it. */
static int
call_as_core(const struct scenario *scenario, struct bench *bench,
             struct maqet_error **err)
{
    void *handle = NULL;

    if (!is_quick(scenario) &&
        maqet_drive_open(bench->drive, MAQET_CALL_LONG, &handle, err) < 0)
        return -1;
    MAQET_CALL(MAQET_CALL_LONG);
    maqet_drive_call_concerns(bench->drive, bench->is_iface, scenario->name);
    maqet_call_current()->handle = handle;
    int result = scenario->call(bench, err);
    if (bench->context.calling)
        bench->context.calling(bench->context.data, NULL);
    return result;
}

int
scenario_call(const struct scenario *scenario, struct bench *bench,
              struct maqet_error **err)
{
    _cleanup_free_ char *lack = bench_lack(bench, scenario->needs);
    bool tool_fails = scenario->needs & NEEDS_FAILING_TOOL;

    if (lack || !(scenario->kinds & bench_kind(bench)) ||
        (tool_fails && tool_replace(bench, TOOL_FAILS) < 0))
        return SCENARIO_NONE;
    bench_doing(bench, "%s%s", scenario->name, err ? "" : ", with err == NULL");
    int result = call_as_core(scenario, bench, err);
    bench_doing(bench, "%s", "");
    if (tool_fails)
        tool_restore(bench);
    return result;
}

/* ---- a whole life ---- */

static void
live_snapshots(struct bench *bench)
{
    const struct maqet_drive *drive = bench->drive;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (maqet_drive_snapshot_create(drive, "lived", NULL, NULL) < 0 ||
        maqet_drive_snapshots_read(drive, &snapshots, NULL) < 0)
        return;
    const struct maqet_snapshot *made = maqet_snapshots_find(&snapshots, "lived", NULL);
    if (!made)
        return;
    maqet_drive_snapshot_load(drive, made, NULL);
    maqet_drive_snapshot_remove(drive, made, NULL, NULL);
}

/* As the core does it: only if the size is known, and never smaller. A service may have
 * kept what an earlier check has enlarged. */
static void
grow(struct bench *bench)
{
    struct maqet_image_state state;

    if (maqet_drive_inspect(bench->drive, &state, NULL) < 0 || state.virtual_size == 0)
        return;
    maqet_storage_resize(bench->drive, state.virtual_size + BENCH_SIZE, NULL);
}

int
scenarios_live(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    bench->drive = bench_drive(bench, name, 0, err);
    if (!bench->drive)
        return -1;
    bench_prepare(bench->drive, NULL);
    maqet_drives_emit(&bench->drive, 1, NULL, args, NULL, NULL);
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        scenario_call(scenario, bench, &error);
    }
    if (!bench->is_iface && bench->storage->snapshot.size > 0)
        live_snapshots(bench);
    if (!bench->is_iface && bench->storage->overlay.create)
        overlay_live(bench);
    if (!bench->is_iface && bench->storage->plugin.resize)
        grow(bench);
    maqet_drive_free(TAKE_PTR(bench->drive));
    maqet_drives_close();
    return 0;
}
