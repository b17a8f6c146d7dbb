/* SPDX-License-Identifier: MIT */
/*
 * check_overlays.c - overlays of the plugin: what they show, hold and store, and how they are
 * merged.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "core/base/child.h"
#include "core/base/procfs.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/made_up.h"
#include "core/conformance/stack.h"
#include "core/conformance/tracer.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_table.h"
#include "core/storage/overlay_view.h"

#define MIB (UINT64_C(1) << 20)

/* Bytes of overlays that are larger than what they stand on. */
static const uint64_t grown = 12 * MIB;

/* ---- what it shows ---- */

static int
check_size(const struct maqet_drive *drive, uint64_t id, uint64_t wanted,
           const char *what, struct maqet_error **err)
{
    uint64_t bytes;

    if (maqet_overlay_nodes_size(drive, id, &bytes, err) < 0)
        return -1;
    return bytes == wanted ? 0
                           : bench_fail(err, "Make it as large as the call asks for",
                                        "%s has the size %" PRIu64 " instead of %" PRIu64,
                                        what, bytes, wanted);
}

static int
check_overlay(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "disk", err);
    uint64_t id;

    return !drive || stack_write(drive, 0, "11", err) < 0 ||
                   stack_put(drive, 0, grown, &id, err) < 0 ||
                   check_size(drive, id, grown, "an overlay", err) < 0 ||
                   stack_read(drive, id, "110........0",
                              "a new overlay does not show what it stands on", err) < 0 ||
                   stack_write(drive, id, ".2.........3", err) < 0 ||
                   stack_read(drive, id, "120........3",
                              "an overlay does not show what was written to it",
                              err) < 0 ||
                   stack_read(drive, 0, "110",
                              "what is written to an overlay changes what it stands on",
                              err) < 0
               ? -1
               : 0;
}

/* ---- what it takes to create it ---- */

static uint64_t
allocated(const struct maqet_drive *drive, uint64_t id)
{
    struct stat status;

    return stat(maqet_overlays_node(drive->overlays, id)->file.file, &status) < 0
               ? 0
               : (uint64_t)status.st_blocks * 512;
}

static int
check_create(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings all = MAQET_STRINGS_INIT;
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "disk", err);
    uint64_t small, large;

    maqet_strings_addf(&all, "write -P 1 0 %" PRIu64, BENCH_SIZE);
    if (!drive || stack_io(drive, 0, &all, true, err) < 0 ||
        stack_put(drive, 0, BENCH_SIZE, &small, err) < 0 ||
        stack_put(drive, 0, UINT64_C(1) << 40, &large, err) < 0)
        return -1;
    if (allocated(drive, small) > BENCH_SIZE / 2)
        return bench_fail(err, "Create it without looking at what it stands on",
                          "a new overlay over %" PRIu64 " bytes of data takes %" PRIu64
                          " bytes",
                          BENCH_SIZE, allocated(drive, small));
    return allocated(drive, large) > allocated(drive, small) + MIB
               ? bench_fail(err, "Take space as it is needed",
                            "a new overlay of 1 TiB takes %" PRIu64
                            " bytes, and one of %" PRIu64 " bytes takes %" PRIu64,
                            allocated(drive, large), BENCH_SIZE, allocated(drive, small))
               : 0;
}

/* ---- what it stores ---- */

/* Has inspect look at an overlay, as if the core did not know on what it stands. */
static int
inspect(const struct maqet_drive *drive, uint64_t id, struct maqet_image *image,
        struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    if (maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    view.drive->overlay_for = NULL;
    image->drive = view.drive;
    _cleanup_close_ int fd = open(view.drive->path, O_RDONLY | O_CLOEXEC);
    return MAQET_STORAGE_CALL(err, view.drive, MAQET_CALL_SERVICE, inspect, fd, image);
}

static int
check_name(const struct maqet_drive *drive, uint64_t id, const char *name,
           const char *after, struct maqet_error **err)
{
    _cleanup_free_ char *wanted = maqet_format("'%s'", name);
    struct maqet_image image = {0};
    int result = inspect(drive, id, &image, err);

    if (result == 0 && !image.undeclared)
        result = bench_fail(
            err, "Store it, and report it by maqet_image_names_file()",
            "after %s, inspect reports no name of the image below the overlay", after);
    else if (result == 0 && !strstr(image.undeclared, wanted))
        result = bench_fail(err, "Store maqet_drive_backing_name() as it is",
                            "after %s, inspect reports the %s instead of %s", after,
                            image.undeclared, wanted);
    else if (result == 0 &&
             (!image.format || strcmp(image.format, drive->storage->plugin.format) != 0))
        result = bench_fail(err, "Report .format", "inspect reports the format '%s'",
                            image.format ? image.format : "");
    maqet_image_clear(&image);
    return result;
}

static int
check_stored(const struct maqet_drive *drive, uint64_t id, const char *after,
             struct maqet_error **err)
{
    uint64_t parent = maqet_overlays_node(drive->overlays, id)->parent;
    _cleanup_free_ char *name = maqet_overlays_backing_name(
        drive->overlays, maqet_overlays_node(drive->overlays, parent));

    return check_name(drive, id, name, after, err);
}

/* What is no file has another name; it need not be there. */
static int
check_elsewhere(const struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    static const char name[] = "json:{\"driver\":\"null-co\",\"size\":8388608}";
    _cleanup_view_ struct maqet_view view = {0};

    if (maqet_view_make_written(drive, id, &view, err) < 0)
        return -1;
    free(view.drive->backing.name);
    view.drive->backing.name = maqet_strdup(name);
    return MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, rename_backing) < 0
               ? -1
               : check_name(drive, id, name, "rename_backing to what is no file", err);
}

static int
check_names(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "disk", err);
    uint64_t low, high;

    if (!drive || stack_write(drive, 0, "11", err) < 0 ||
        stack_put(drive, 0, BENCH_SIZE, &low, err) < 0 ||
        stack_put(drive, low, BENCH_SIZE, &high, err) < 0 ||
        stack_write(drive, high, ".2", err) < 0 ||
        check_stored(drive, low, "create", err) < 0 ||
        check_stored(drive, high, "create", err) < 0)
        return -1;
    maqet_overlays_node(drive->overlays, high)->parent = 0;
    return stack_rename(drive, high, err) < 0 ||
                   check_stored(drive, high, "rename_backing", err) < 0 ||
                   stack_read(drive, high, "120", "rename_backing changes the data",
                              err) < 0
               ? -1
               : check_elsewhere(drive, high, err);
}

/* ---- its node ---- */

static int
refers(void *data, json_object *node)
{
    json_object *backing = json_object_object_get(node, "backing");

    return json_object_is_type(backing, json_type_string) &&
           strcmp(json_object_get_string(backing), data) == 0;
}

static int
check_reference(const struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_view_ struct maqet_view view = {0};

    if (maqet_view_make(drive, id, &view, err) < 0 ||
        MAQET_STORAGE_CALL(err, view.drive, MAQET_CALL_QUICK, emit_args, args) < 0)
        return -1;
    for (size_t i = 0; i < args->count; i++)
        if (maqet_block_node_walk(args->objects[i]->json, refers,
                                  view.drive->backing.node))
            return 0;
    return bench_fail(err, "Set the node's `backing` to maqet_drive_backing_node()",
                      "no node that emit_args emits for an overlay refers to its backing "
                      "node '%s'",
                      view.drive->backing.node);
}

static int
check_node(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "disk", err);
    uint64_t id;

    if (!drive || stack_put(drive, 0, grown, &id, err) < 0 ||
        check_reference(drive, id, err) < 0 || maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    _cleanup_machine_ struct maqet_opened *machine =
        machine_start(bench, machine_type(bench, 0), &drive->tree, 1, err);
    if (!machine)
        return -1;
    return machine_has_node(machine, name)
               ? 0
               : bench_fail(err, NULL, "QEMU has no node '%s' of the overlay", name);
}

/* ---- merging ---- */

static const char hint_down[] = "Write all that the overlay holds, zeroes too, into the "
                                "backing image, and make that as large";
static const char hint_up[] = "Write what the overlay shows and does not hold into it "
                              "before it stores another name";

static int
with_hint(int result, const char *hint, struct maqet_error **err)
{
    if (result < 0)
        maqet_error_hint(err, "%s", hint);
    return result;
}

/* An overlay over an image, both with data. */
static int
make_pair(struct bench *bench, struct maqet_drive **drive, uint64_t *id,
          struct maqet_error **err)
{
    *drive = stack_make(bench, "disk", err);
    return !*drive || stack_write(*drive, 0, "111", err) < 0 ||
                   stack_put(*drive, 0, grown, id, err) < 0 ||
                   stack_write(*drive, *id, ".20........3", err) < 0
               ? -1
               : 0;
}

static int
check_down(struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    return stack_read(drive, id, "120........3",
                      "merge_down changes what the overlay shows", err) < 0 ||
                   check_size(drive, 0, grown, "after merge_down, the backing image",
                              err) < 0 ||
                   stack_read(drive, 0, "120........3",
                              "after merge_down, the backing image does not show what "
                              "the overlay shows",
                              err) < 0
               ? with_hint(-1, hint_down, err)
               : 0;
}

static int
check_merge_down(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = NULL;
    uint64_t id, before, after;

    if (make_pair(bench, &drive, &id, err) < 0 || stack_used(drive, id, &before, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (stack_merge_down(drive, id, err) < 0 || check_down(drive, id, err) < 0)
            return -1;
    if (stack_used(drive, id, &after, err) < 0)
        return -1;
    return after < before ? bench_fail(err, "Leave the overlay as it is",
                                       "merge_down empties the overlay, which held "
                                       "%" PRIu64 " bytes and holds %" PRIu64,
                                       before, after)
                          : 0;
}

/* Reads an overlay that stands on nothing any more. */
static int
read_alone(struct bench *bench, const char *path, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings commands = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *entry = bench_entry(bench, "alone", 0);

    made_up_set_storage(bench, entry, bench->storage->plugin.path_option, path);
    bench_set(entry, "snapshots", "overlay");
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, err);
    if (drive)
        maqet_drive_take_overlays(drive);
    stack_commands("4203", false, &commands);
    return drive && stack_io(drive, 0, &commands, false, err) == 0 ? 0 : -1;
}

/* The one in the middle goes. */
static int
merge_over_lower(struct maqet_drive *drive, uint64_t low, uint64_t high,
                 struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    if (stack_merge_up(drive, high, maqet_overlays_node(overlays, 0), err) < 0)
        return -1;
    maqet_overlays_node(overlays, high)->parent = 0;
    unlink(maqet_overlays_node(overlays, low)->file.file);
    return check_stored(drive, high, "merge_up", err) < 0 ||
                   stack_read(drive, high, "1203",
                              "merge_up changes what the overlay shows", err) < 0
               ? with_hint(-1, hint_up, err)
               : 0;
}

static int
check_merge_up(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = NULL;
    uint64_t low, high, highest;

    if (make_pair(bench, &drive, &low, err) < 0 ||
        stack_put(drive, low, grown, &high, err) < 0 ||
        stack_write(drive, high, "...3", err) < 0 ||
        merge_over_lower(drive, low, high, err) < 0 ||
        stack_put(drive, high, grown, &highest, err) < 0 ||
        stack_write(drive, highest, "4", err) < 0 ||
        stack_merge_up(drive, highest, NULL, err) < 0)
        return -1;
    const char *path = maqet_overlays_node(drive->overlays, highest)->file.file;
    return read_alone(bench, path, err) < 0
               ? with_hint(maqet_error_wrap(err, "after merge_up without a name, the "
                                                 "overlay does not hold all"),
                           hint_up, err)
               : 0;
}

/* ---- merging that is killed ---- */

static int
merge_up_to_image(struct maqet_drive *drive, uint64_t id, struct maqet_error **err)
{
    return stack_merge_up(drive, id, maqet_overlays_node(drive->overlays, 0), err);
}

/* Calls it in a child that is killed after @delay ms. 1: it was killed. */
static int
try_killed(struct maqet_drive *drive, uint64_t id, int64_t delay,
           int (*merge)(struct maqet_drive *, uint64_t, struct maqet_error **),
           struct maqet_error **err)
{
    static const struct maqet_strings none = MAQET_STRINGS_INIT;
    pid_t pid = fork();

    if (pid == 0)
        _exit(merge(drive, id, NULL) < 0);
    _cleanup_close_ int pidfd = pid > 0 ? maqet_pidfd_open(pid) : -1;
    if (pidfd < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot start a process: %m");
    bool ended = maqet_pidfd_wait(pidfd, delay);
    if (!ended)
        kill(pid, SIGKILL);
    maqet_child_wait(pid);
    tracer_end_children(&none); /* its programs, which die with it */
    return !ended;
}

/* Each time a bit later, until it is done before. */
static int
merge_killed(struct maqet_drive *drive, uint64_t id, const char *disk, const char *what,
             int (*merge)(struct maqet_drive *, uint64_t, struct maqet_error **),
             struct maqet_error **err)
{
    for (int64_t delay = 1; delay <= BENCH_STEP_TIMEOUT; delay *= 2) {
        int result = try_killed(drive, id, delay, merge, err);

        if (result < 0 || stack_read(drive, id, disk, what, err) < 0)
            return -1;
        if (result == 0)
            break;
    }
    return merge(drive, id, err) < 0
               ? maqet_error_wrap(err, "a merge that was killed cannot be repeated")
               : 0;
}

static int
check_killed(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = NULL;
    uint64_t low, high;

    if (make_pair(bench, &drive, &low, err) < 0 ||
        stack_put(drive, low, grown, &high, err) < 0 ||
        stack_write(drive, high, "...3", err) < 0 ||
        merge_killed(drive, high, "1203.......3",
                     "after merge_up was killed, the overlay shows something else",
                     merge_up_to_image, err) < 0)
        return -1;
    return merge_killed(drive, low, "120........3",
                        "after merge_down was killed, the overlay shows something else",
                        stack_merge_down, err) < 0
               ? -1
               : check_down(drive, low, err);
}

/* ---- how much it holds ---- */

/* Bytes that this process has read so far; 0: not known. */
static uint64_t
bytes_read(void)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read("/proc/self/io", 4096, &text, NULL, NULL) < 0)
        return 0;
    const char *row = strstr(text, "rchar: ");
    return row ? strtoull(row + strlen("rchar: "), NULL, 10) : 0;
}

static int
check_used(struct bench *bench, struct maqet_error **err)
{
    static const uint64_t held = 8 * MIB;
    _cleanup_strings_ struct maqet_strings parts = MAQET_STRINGS_INIT;
    _cleanup_drive_ struct maqet_drive *drive = stack_make(bench, "disk", err);
    uint64_t id, bytes;

    for (int i = 0; i < 4; i++)
        maqet_strings_addf(&parts, "write -P 1 %dM 2M", 8 * i);
    if (!drive || stack_put(drive, 0, 32 * MIB, &id, err) < 0 ||
        stack_io(drive, id, &parts, true, err) < 0)
        return -1;
    uint64_t before = bytes_read();
    if (stack_used(drive, id, &bytes, err) < 0)
        return -1;
    uint64_t read = bytes_read() - before;
    if (bytes < held / 100 * 95 || bytes > held / 100 * 105)
        return bench_fail(err, "Count what the tables of the image refer to",
                          "used reports %" PRIu64
                          " bytes for an overlay that holds %" PRIu64,
                          bytes, held);
    return read > held / 2 ? bench_fail(err, "Read the tables of the image only",
                                        "used reads %" PRIu64
                                        " bytes of an overlay that holds %" PRIu64,
                                        read, held)
                           : 0;
}

enum { NEEDS_DATA = NEEDS_DRIVE | NEEDS_OVERLAYS | NEEDS_QEMU_IO };

const struct check checks_of_overlays[] = {
    {"overlay", OF_STORAGE, NEEDS_DATA, 30, check_overlay,
     "An overlay shows what it stands on and what was written to it, in the file that was "
     "there, and may be larger"},
    {"overlay-create", OF_STORAGE, NEEDS_DATA, 30, check_create,
     "Creating an overlay does not depend on its size, nor on what it stands on"},
    {"overlay-names", OF_STORAGE, NEEDS_DATA, 30, check_names,
     "An overlay stores the name of what it stands on, as the core gives it, and inspect "
     "reports that name"},
    {"overlay-node", OF_STORAGE, NEEDS_DATA | NEEDS_QEMU, 60, check_node,
     "The node of an overlay refers to its backing node, and QEMU opens it"},
    {"overlay-down", OF_STORAGE, NEEDS_DATA, 60, check_merge_down,
     "merge_down makes the backing image show what the overlay shows, which stays as it "
     "is"},
    {"overlay-up", OF_STORAGE, NEEDS_DATA, 60, check_merge_up,
     "merge_up makes the overlay stand on another image, or on none, and show the same"},
    {"overlay-killed", OF_STORAGE, NEEDS_DATA, 120, check_killed,
     "A merge that is killed changes nothing that the overlay shows, and can be "
     "repeated"},
    {"overlay-used", OF_STORAGE, NEEDS_DATA, 30, check_used,
     "used reports how much the overlay holds, within 5 %, and reads its tables only"},
    {0},
};
