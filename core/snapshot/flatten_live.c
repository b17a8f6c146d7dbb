/* SPDX-License-Identifier: MIT */
#include "core/snapshot/flatten_live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/machine/monitor.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

/* QEMU's job, and nodes that are there only meanwhile. A machine has one job of maqet's at a time. */
static const char JOB[] = "maqet-flatten";
static const char READER[] = "maqet-flatten.reader";
static const char NOWHERE[] = "maqet-flatten.nowhere";

/* Bytes: no cluster is larger, so that each step is whole clusters. */
enum { STEP = 2 * 1024 * 1024 };

static int
tell(struct maqet_opened *machine, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(machine, command, arguments, err);

    return answer ? 0 : -1;
}

static json_object *
text(const char *value)
{
    return json_object_new_string(value);
}

/* Whether others stand on the image, so that the guest does not write to it. */
static bool
is_covered(const struct maqet_drive *drive)
{
    return drive->overlays && drive->overlays->top != 0;
}

/* The node of the image. The caller frees. */
static char *
node_of(const struct maqet_drive *drive)
{
    return is_covered(drive) ? maqet_overlay_node_name(drive->name, 0)
                             : maqet_strdup(maqet_drive_node(drive));
}

/* ---- the node ---- */

/* The id of a node in QEMU's graph; negative: it is not there. */
static int64_t
id_of(json_object *nodes, const char *name)
{
    for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++)
        if (maqet_json_is(json_object_array_get_idx(nodes, i), "name", name))
            return maqet_json_int(json_object_array_get_idx(nodes, i), "id");
    return -1;
}

/* What a node has as its "file", or "backing". NULL: it is not there. */
static const char *
child_of(json_object *graph, const char *node, const char *as)
{
    json_object *nodes = json_object_object_get(graph, "nodes");
    json_object *edges = json_object_object_get(graph, "edges");
    int64_t parent = id_of(nodes, node), child = -1;

    for (size_t i = 0; edges && i < json_object_array_length(edges); i++) {
        json_object *edge = json_object_array_get_idx(edges, i);

        if (maqet_json_int(edge, "parent") == parent && maqet_json_is(edge, "name", as))
            child = maqet_json_int(edge, "child");
    }
    for (size_t i = 0; child >= 0 && i < json_object_array_length(nodes); i++)
        if (maqet_json_int(json_object_array_get_idx(nodes, i), "id") == child)
            return maqet_json_text(json_object_array_get_idx(nodes, i), "name");
    return NULL;
}

/* The options with which QEMU has the node. The caller puts them. */
static json_object *
options_of(const struct maqet_drive *drive, const char *node, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    int emitted = is_covered(drive) ? maqet_storage_emit_node(drive, 0, args, err)
                                    : maqet_storage_emit_args(drive, args, err);
    json_object *found = emitted < 0 ? NULL : maqet_block_node_find(args, node);
    json_object *options = NULL;

    if (emitted == 0 && (!found || json_object_deep_copy(found, &options, NULL) < 0))
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED, "it has no node '%s'",
                          node);
    return options;
}

/* Opens the node of the image again in another way, on the same file. */
static int
reopen(struct maqet_opened *machine, const struct maqet_drive *drive, bool writable,
       bool backed, struct maqet_error **err)
{
    _cleanup_free_ char *node = node_of(drive);
    _cleanup_json_ json_object *graph =
        maqet_monitor_ask(machine, "x-debug-query-block-graph", NULL, err);
    const char *file = graph ? child_of(graph, node, "file") : NULL;
    const char *backing = backed ? child_of(graph, node, "backing") : NULL;

    if (!graph)
        return -1;
    if (!file || (backed && !backing))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "QEMU has nothing below the node '%s'", node);
    json_object *options = options_of(drive, node, err);
    if (!options)
        return -1;
    json_object *list = json_object_new_array();
    json_object_array_add(list, options);
    json_object_object_add(options, "file", text(file));
    json_object_object_add(options, "read-only", json_object_new_boolean(!writable));
    json_object_object_add(options, "backing", backing ? text(backing) : NULL);
    return tell(machine, "blockdev-reopen", maqet_json_object("options", list, NULL),
                err);
}

/* What QEMU says of the node of the image. The caller puts @nodes. */
static json_object *
look(struct maqet_opened *machine, const struct maqet_drive *drive, json_object **nodes,
     struct maqet_error **err)
{
    _cleanup_free_ char *name = node_of(drive);

    *nodes = maqet_monitor_ask(
        machine, "query-named-block-nodes",
        maqet_json_object("flat", json_object_new_boolean(false), NULL), err);
    json_object *node = *nodes ? maqet_monitor_find_node(*nodes, name) : NULL;
    if (*nodes && !node)
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                          "QEMU has no such drive; the VM was started without it, or it "
                          "has been removed since");
    return node;
}

int
maqet_flatten_live_reopen(struct maqet_opened *machine, const struct maqet_drive *drive,
                          bool merged, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = NULL;
    json_object *node = look(machine, drive, &nodes, err);

    if (!node)
        return -1;
    bool stands = maqet_json_int(node, "backing_file_depth") > 0;
    bool closes = merged && stands;
    bool freezes =
        is_covered(drive) && !json_object_get_boolean(json_object_object_get(node, "ro"));
    if (!closes && !freezes)
        return 0;
    return reopen(machine, drive, !is_covered(drive), stands && !closes, err);
}

/* ---- merging ---- */

static json_object *
by_name(const char *node)
{
    return maqet_json_object("node-name", text(node), NULL);
}

static int
open_nodes(struct maqet_opened *machine, const char *node, uint64_t bytes,
           struct maqet_error **err)
{
    return tell(machine, "blockdev-add",
                maqet_json_object("driver", text("copy-on-read"), "node-name",
                                  text(READER), "file", text(node), NULL),
                err) < 0
               ? -1
               : tell(machine, "blockdev-add",
                      maqet_json_object("driver", text("null-co"), "node-name",
                                        text(NOWHERE), "size",
                                        json_object_new_uint64(bytes), "read-zeroes",
                                        json_object_new_boolean(true), NULL),
                      err);
}

static int
run_job(struct maqet_opened *machine, const struct maqet_drive *drive,
        struct maqet_error **err)
{
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': merged", machine->name, drive->name);
    struct maqet_block_job job = {
        .id = JOB, .what = what, .limit = -1, .ready_is_over = true};

    if (tell(machine, "blockdev-mirror",
             maqet_json_object("job-id", text(JOB), "device", text(READER), "target",
                               text(NOWHERE), "sync", text("full"), "granularity",
                               json_object_new_int(STEP), "auto-dismiss",
                               json_object_new_boolean(false), NULL),
             err) < 0 ||
        maqet_block_job_wait(machine, &job, err) < 0)
        return -1;
    job.ready_is_over = false;
    return tell(machine, "block-job-cancel",
                maqet_json_object("device", text(JOB), "force",
                                  json_object_new_boolean(false), NULL),
                err) < 0
               ? -1
               : maqet_block_job_wait(machine, &job, err);
}

/* Has QEMU write to the disk what it keeps of the node in memory. */
static int
flush(struct maqet_opened *machine, const struct maqet_drive *drive, const char *node,
      struct maqet_error **err)
{
    _cleanup_free_ char *command = maqet_format("qemu-io %s flush", node);
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(machine, "human-monitor-command",
                           maqet_json_object("command-line", text(command), NULL), err);
    const char *said = answer ? json_object_get_string(answer) : NULL;

    if (!answer)
        return -1;
    if (json_object_is_type(answer, json_type_string) && *said)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "QEMU cannot write to the disk: %.*s",
                                 maqet_text_fitting(said), said);
    _cleanup_close_ int fd = open(drive->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 || fsync(fd) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s to the disk", drive->path)
               : 0;
}

int
maqet_flatten_live_end(struct maqet_opened *machine, const struct maqet_drive *drive,
                       struct maqet_error **err)
{
    const char *const names[] = {READER, NOWHERE};
    _cleanup_json_ json_object *nodes = NULL;

    if (maqet_block_job_cancel(machine, JOB, err) < 0 ||
        !look(machine, drive, &nodes, err))
        return -1;
    for (size_t i = 0; i < 2; i++)
        if (maqet_monitor_find_node(nodes, names[i]) &&
            tell(machine, "blockdev-del", by_name(names[i]), err) < 0)
            return -1;
    return 0;
}

/* All that the backing files hold is on the disk before the image stores that it has none. */
int
maqet_flatten_live_merge(struct maqet_opened *machine, const struct maqet_drive *drive,
                         struct maqet_error **err)
{
    _cleanup_free_ char *node = node_of(drive);
    _cleanup_json_ json_object *nodes = NULL;
    json_object *seen = look(machine, drive, &nodes, err), *size = NULL;

    if (!seen || (is_covered(drive) && reopen(machine, drive, true, true, err) < 0))
        return -1;
    json_object_object_get_ex(json_object_object_get(seen, "image"), "virtual-size",
                              &size);
    if (open_nodes(machine, node, json_object_get_uint64(size), err) < 0 ||
        run_job(machine, drive, err) < 0 ||
        maqet_flatten_live_end(machine, drive, err) < 0 ||
        flush(machine, drive, node, err) < 0 ||
        tell(machine, "change-backing-file",
             maqet_json_object("device", text(maqet_drive_node(drive)), "image-node-name",
                               text(node), "backing-file", text(""), NULL),
             err) < 0)
        return -1;
    return flush(machine, drive, node, err);
}
