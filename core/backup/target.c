/* SPDX-License-Identifier: MIT */
#include "core/backup/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/config/tree.h"
#include "core/job/block_jobs.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug_files.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/entry.h"
#include "core/storage/overlays.h"

enum { NODE_NAME_MAX = 31 };

/* ms that QEMU has for each answer, and until it has closed an image. */
static const int64_t ANSWER_TIMEOUT = 60000;

/* ---- the drive ---- */

int
maqet_target_size(const struct maqet_opened *machine, const struct maqet_drive *drive,
                  json_object *nodes, uint64_t *size, struct maqet_error **err)
{
    json_object *node = maqet_monitor_find_node(nodes, maqet_drive_node(drive));
    json_object *image = json_object_object_get(node, "image");

    if (!image)
        return maqet_error_set(err, MAQET_ERROR_MISSING,
                               "VM '%s': QEMU has no drive '%s'", machine->name,
                               drive->name);
    *size = (uint64_t)maqet_json_int(image, "virtual-size");
    return 0;
}

/* ---- the image ---- */

const char *
maqet_target_type(const struct maqet_drive *drive)
{
    if (drive->overlays && drive->overlays->type)
        return drive->overlays->type;
    return drive->storage->overlay.create ? drive->storage->plugin.name
                                          : MAQET_DEFAULT_STORAGE;
}

static struct maqet_drive *
make_drive(const struct maqet_drive *drive, const struct maqet_storage *storage,
           const char *path, uint64_t bytes, struct maqet_error **err)
{
    struct maqet_place place = maqet_tree_place(drive->tree);
    _cleanup_json_ json_object *entry = maqet_tree_mapping(place);
    /* Small sizes without a unit are taken for mistakes. */
    _cleanup_free_ char *size = maqet_format("%" PRIu64 "B", bytes);
    _cleanup_free_ char *node = maqet_target_node(drive->name);
    const char *const pairs[][2] = {{"name", drive->name},
                                    {"type", storage->plugin.name},
                                    {"interface", "none"},
                                    {storage->plugin.path_option, path},
                                    {storage->plugin.size_option, size}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if (pairs[i][0])
            maqet_tree_set(entry, pairs[i][0], json_object_new_string(pairs[i][1]), place,
                           place);
    struct maqet_drive *target =
        maqet_drive_new(drive->context, drive->machine, entry, err);
    if (target)
        maqet_drive_set_node(target, node);
    return target;
}

static void
set_backing(struct maqet_drive *target, const char *name, const char *format)
{
    free(target->backing.node);
    free(target->backing.name);
    free(target->backing.format);
    target->backing = (struct maqet_backing){.node = name ? maqet_strdup("base") : NULL,
                                             .name = maqet_strdup(name),
                                             .format = maqet_strdup(format)};
}

static int
fill(struct maqet_drive *target, const char *path, uint64_t bytes,
     const struct maqet_target_base *base, struct maqet_error **err)
{
    if (!base)
        return maqet_storage_create(target, path, err);
    const struct maqet_storage *storage =
        maqet_storage_load(target->context, base->type, err);
    if (!storage)
        return -1;
    set_backing(target, base->name, storage->plugin.format);
    int result = MAQET_OVERLAY_CALL(err, target, MAQET_CALL_LONG, create, path, bytes);
    set_backing(target, NULL, NULL);
    return result;
}

struct maqet_drive *
maqet_target_fill(const struct maqet_drive *drive, const char *path, uint64_t bytes,
                  const struct maqet_target_base *base, struct maqet_error **err)
{
    const struct maqet_storage *storage =
        maqet_storage_load(drive->context, maqet_target_type(drive), err);

    if (!storage)
        return NULL;
    if (!storage->overlay.create) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "the type '%s' has no images for backups",
                          storage->plugin.name);
        return NULL;
    }
    struct maqet_drive *target = make_drive(drive, storage, path, bytes, err);
    if (target && fill(target, path, bytes, base, err) == 0)
        return target;
    maqet_drive_free(target);
    return NULL;
}

struct maqet_drive *
maqet_target_create(const struct maqet_drive *drive, const char *path, uint64_t bytes,
                    const struct maqet_target_base *base, struct maqet_error **err)
{
    _cleanup_close_ int fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        maqet_error_errno(err, errno, "Cannot create %s", path);
        return NULL;
    }
    return maqet_target_fill(drive, path, bytes, base, err);
}

/* ---- the node ---- */

char *
maqet_target_node(const char *drive)
{
    char *name = maqet_format("maqet-backup-%s", drive);

    if (strlen(name) <= NODE_NAME_MAX)
        return name;
    free(name);
    return maqet_format("maqet-backup-%016" PRIx64, maqet_text_hash(drive));
}

/* The descriptors of its file. The caller frees. */
static char *
mark_of(const char *drive)
{
    return maqet_format("maqet-backup %s", drive);
}

/* Its folder is ours alone. */
static int
accept_file(void *data, const char *path, int fd, struct maqet_error **err)
{
    (void)data;
    (void)path;
    (void)fd;
    (void)err;
    return 0;
}

int
maqet_target_open(struct maqet_opened *machine, const struct maqet_drive *target,
                  struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *mark = mark_of(target->name);

    if (maqet_storage_emit_args(target, args, err) < 0)
        return -1;
    const struct maqet_hotplug hotplug = {.qmp = maqet_monitor_connect(machine, err),
                                          .args = args,
                                          .timeout = ANSWER_TIMEOUT,
                                          .stays_writable = true};
    return !hotplug.qmp ||
                   maqet_hotplug_pass_files(&hotplug, mark, accept_file, NULL, err) < 0
               ? -1
               : maqet_hotplug_add(&hotplug, err);
}

/* A write of the guest waits until what it overwrites is in the target. If that has no space
 * left, QEMU pauses the guest, as if its own disk were full; it repeats the write when the guest
 * is resumed, and by then nothing is copied any more. */
static int
resume_guest(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_json_ json_object *status =
        maqet_monitor_ask(machine, "query-status", NULL, err);
    const char *word = maqet_json_text(status, "status");

    if (!word || strcmp(word, "io-error") != 0)
        return status ? 0 : -1;
    _cleanup_json_ json_object *answer = maqet_monitor_ask(machine, "cont", NULL, err);
    return answer ? 0 : -1;
}

int
maqet_target_close(struct maqet_opened *machine, const char *drive,
                   struct maqet_error **err)
{
    _cleanup_free_ char *node = maqet_target_node(drive);
    _cleanup_free_ char *mark = mark_of(drive);
    const struct maqet_deadline deadline = maqet_deadline_in(ANSWER_TIMEOUT);
    _cleanup_error_ struct maqet_error *reason = NULL;

    /* A job that has just ended may still use it. */
    for (;;) {
        _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, err);

        if (!nodes)
            return -1;
        if (!maqet_monitor_find_node(nodes, node))
            break;
        if (maqet_deadline_left(deadline) == 0)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_error_free(TAKE_PTR(reason));
        _cleanup_json_ json_object *answer = maqet_monitor_work(
            machine, "blockdev-del",
            maqet_json_object("node-name", json_object_new_string(node), NULL), &reason);
        if (!answer && reason->signal)
            return maqet_error_move(err, TAKE_PTR(reason));
        if (!answer)
            maqet_sleep(50);
    }
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);
    return !qmp || maqet_hotplug_drop_files(qmp, ANSWER_TIMEOUT, mark, err) < 0
               ? -1
               : resume_guest(machine, err);
}

/* ---- the job that writes it ---- */

int
maqet_target_wait(struct maqet_opened *machine, const char *drive,
                  const struct maqet_target_words *words, struct maqet_error **err)
{
    _cleanup_free_ char *id = maqet_target_node(drive);
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': %s", machine->name, drive, words->done);
    const struct maqet_block_job job = {.id = id, .what = what, .limit = -1};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_block_job_wait(machine, &job, &reason) == 0)
        return maqet_block_flush(machine, drive, id, err);
    if (reason->code != MAQET_ERROR_FAILED || reason->signal)
        return maqet_error_move(err, TAKE_PTR(reason));
    const char *said = strstr(reason->message, "QEMU: ");
    maqet_error_set(err, MAQET_ERROR_FAILED, "VM '%s', drive '%s': the %s has failed: %s",
                    machine->name, drive, words->noun, said ? said : reason->message);
    if (strstr(reason->message, "No space left"))
        maqet_error_hint(err, "Free space in %s, or choose another folder",
                         words->folder);
    return -1;
}

int
maqet_target_cancel(struct maqet_opened *machine, const char *drive,
                    struct maqet_error **err)
{
    _cleanup_free_ char *id = maqet_target_node(drive);

    return maqet_block_job_cancel(machine, id, err) < 0
               ? -1
               : maqet_target_close(machine, drive, err);
}
