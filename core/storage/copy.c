/* SPDX-License-Identifier: MIT */
#include "core/storage/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/file_copy.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/callback.h"
#include "core/storage/elsewhere.h"
#include "core/storage/emitted.h"
#include "core/storage/overlays.h"
#include "core/storage/publication.h"
#include "core/storage/space.h"

/* ms: another process may be creating a large image with the same name. */
static const int64_t CREATION_TIMEOUT = INT64_C(600) * 1000;

/* ---- the new image ---- */

/* The drive as one that has no overlays yet, and whose image is created with a size. */
struct target {
    struct maqet_drive drive;
    struct maqet_value *values;
};

static void
target_clear(struct target *target)
{
    maqet_chain_clear(&target->drive.chain);
    free(target->values);
}

static void
target_of(struct target *target, const struct maqet_drive *drive, uint64_t size)
{
    struct maqet_values *values = &target->drive.options[MAQET_OF_STORAGE].values;
    const char *option = drive->storage->plugin.size_option;

    target->drive = *drive;
    target->drive.chain = (struct maqet_chain){0};
    if (drive->path)
        maqet_drive_set_top(&target->drive, drive->path);
    target->values = maqet_alloc((values->count + 1) * sizeof(*values->items));
    memcpy(target->values, values->items, values->count * sizeof(*values->items));
    values->items = target->values;
    for (size_t i = 0; option && i < values->count; i++)
        if (strcmp(target->values[i].name, option) == 0 &&
            target->values[i].size < size) {
            target->values[i].size = size;
            target->values[i].written = true;
        }
    if (target->drive.size < size)
        target->drive.size = size;
}

/* ---- as a file ---- */

static bool
is_same_text(const char *one, const char *other)
{
    return one == other || (one && other && strcmp(one, other) == 0);
}

/* Whether two drives of a type say the same about what is in their images. */
static bool
options_agree(const struct maqet_drive *one, const struct maqet_drive *other)
{
    const struct maqet_storage_plugin *plugin = &one->storage->plugin;
    const struct maqet_values *a = &one->options[MAQET_OF_STORAGE].values;
    const struct maqet_values *b = &other->options[MAQET_OF_STORAGE].values;

    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->items[i].name;

        if (strcmp(name, b->items[i].name) != 0)
            return false;
        if (!is_same_text(name, plugin->path_option) &&
            !is_same_text(name, plugin->size_option) &&
            !is_same_text(name, plugin->readonly_option) &&
            !is_same_text(a->items[i].text, b->items[i].text))
            return false;
    }
    return true;
}

static const struct maqet_storage *
storage_of(const struct maqet_drive *drive)
{
    return drive->image_storage ? drive->image_storage : drive->storage;
}

/* Whether all of the content is in the drive's own file, which has nothing else. */
static bool
is_one_file(const struct maqet_copy_source *from)
{
    const struct maqet_drive *drive = from->drive;
    _cleanup_chain_ struct maqet_chain bases = {0};
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    uint64_t node = from->of == MAQET_COPY_NODE ? from->node
                    : drive->overlays           ? drive->overlays->top
                                                : 0;
    struct stat status;

    if (node != 0 || !drive->path || stat(drive->path, &status) < 0 ||
        !S_ISREG(status.st_mode) || maqet_image_dependencies(drive, &bases, NULL) < 0 ||
        bases.count > 0)
        return false;
    /* With overlays, it has none inside. */
    return drive->overlays || drive->storage->snapshot.size == 0 ||
           (maqet_drive_snapshots_read(drive, &snapshots, NULL) == 0 &&
            snapshots.count == 0);
}

/* Whether a copy of the file is such an image as the plugin would create and fill. */
static bool
goes_as_file(const struct maqet_copy *copy, uint64_t size)
{
    const struct maqet_copy_source *from = &copy->from;

    return (from->of == MAQET_COPY_DRIVE || from->of == MAQET_COPY_NODE) &&
           !copy->rewrite && !copy->compress && copy->to->path &&
           copy->to->size <= size &&
           strcmp(storage_of(from->drive)->plugin.name,
                  storage_of(copy->to)->plugin.name) == 0 &&
           options_agree(from->drive, copy->to) && is_one_file(from);
}

static void
show_copying(void *data, uint64_t done, uint64_t total)
{
    const struct maqet_drive *drive = data;
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': copying",
                                             drive->machine->vm_name, drive->name);

    maqet_context_progress(drive->context, what, done, total,
                           maqet_call_current()->begun);
}

static int
copy_file(struct maqet_copy *copy, const struct maqet_drive *drive, const char *path,
          struct maqet_error **err)
{
    const char *source = copy->from.drive->path;
    MAQET_CALL(MAQET_CALL_LONG);
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool shared = false;

    if (from < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", source);
    _cleanup_close_ int to = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (to < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", path);
    int result =
        maqet_file_copy(from, to, path, show_copying, (void *)drive, &shared, err);
    maqet_context_progress_end(drive->context);
    copy->copied = shared ? MAQET_COPIED_SHARED : MAQET_COPIED_FILE;
    return result;
}

/* ---- both ---- */

struct making {
    struct maqet_copy *copy;
    bool as_file;
};

/* A maqet_publication_make. */
static int
make(void *data, const struct maqet_drive *drive, const char *path,
     struct maqet_error **err)
{
    const struct making *making = data;

    if (making->as_file)
        return copy_file(making->copy, drive, path, err);
    making->copy->copied = MAQET_COPIED_CONVERTED;
    return maqet_storage_create(drive, path, err) < 0
               ? -1
               : maqet_convert(&making->copy->from, drive, path, making->copy->compress,
                               err);
}

static int
error_exists(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                             MAQET_ERROR_EXISTS, "there is already %s",
                             drive->path ? drive->path : "such storage");
}

static int
publish(struct maqet_publication *publication, struct making *making,
        struct maqet_error **err)
{
    struct maqet_copy *copy = making->copy;
    int late = -1;

    maqet_publication_discard(publication);
    if (faccessat(publication->folder_fd, publication->name, F_OK, AT_SYMLINK_NOFOLLOW) ==
        0)
        return error_exists(copy->to, err);
    if (maqet_publication_write(publication, make, making, copy->recorder, err) == 0)
        late = maqet_publication_publish(publication, err);
    if (late != 0)
        maqet_publication_discard(publication);
    if (late != 0)
        return late < 0 ? -1 : error_exists(copy->to, err);
    copy->created = true;
    return maqet_dir_sync(publication->folder_fd, publication->folder, err);
}

static int
copy_to_file(struct maqet_copy *copy, const struct maqet_drive *drive, bool as_file,
             struct maqet_error **err)
{
    struct making making = {.copy = copy, .as_file = as_file};
    _cleanup_publication_ struct maqet_publication publication =
        maqet_publication_of(drive);
    uint64_t at_once, at_most;

    if (maqet_publication_open(&publication, err) < 0 ||
        maqet_storage_space(drive, &at_once, &at_most, err) < 0 ||
        maqet_image_check_room(drive, publication.folder, at_once, at_most, err) < 0 ||
        maqet_publication_lock(&publication, CREATION_TIMEOUT, err) < 0)
        return -1;
    int result = publish(&publication, &making, err);
    maqet_publication_unlock(&publication);
    return result;
}

static int
copy_elsewhere(struct maqet_copy *copy, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    struct maqet_image_state state;

    if (drive->storage->plugin.creation != MAQET_CREATION_ONCE)
        return maqet_drive_error_unsupported(drive, "has no image that could be filled",
                                             err);
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    if (state.exists)
        return error_exists(drive, err);
    if ((copy->recorder &&
         copy->recorder->record(copy->recorder->data, drive, NULL, NULL, err) < 0) ||
        maqet_storage_create(drive, NULL, err) < 0)
        return -1;
    copy->created = true;
    copy->copied = MAQET_COPIED_CONVERTED;
    if (maqet_convert(&copy->from, drive, NULL, copy->compress, err) == 0)
        return 0;
    copy->created = maqet_elsewhere_remove(drive, NULL) < 0;
    return -1;
}

/* A new image must not get the overlays of an earlier one. */
static int
check_no_overlays(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_overlays_ struct maqet_overlays *overlays =
        drive->path ? maqet_overlays_read(drive->path, err) : NULL;

    if (!drive->path)
        return 0;
    if (!overlays)
        return -1;
    return overlays->count > 1
               ? maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                                   MAQET_ERROR_EXISTS,
                                   "%s does not exist, but its overlays do, in %s",
                                   drive->path, overlays->folder)
               : 0;
}

int
maqet_copy_names_base(const struct maqet_drive *drive, bool *names,
                      struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    json_object *node = maqet_block_node_find(args, maqet_drive_node(drive));
    *names = node && json_object_object_get(node, "backing");
    return 0;
}

static int
check_no_base(const struct maqet_drive *drive, struct maqet_error **err)
{
    bool names;

    if (maqet_copy_names_base(drive, &names, err) < 0)
        return -1;
    return names ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                                     "the copy is complete in itself, and its definition "
                                     "names a backing file")
                 : 0;
}

/* Whether the drive's definition is that of a complete image. */
static int
check_target(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_readonly(drive))
        return maqet_drive_error(drive, drive->storage->plugin.readonly_option, err,
                                 MAQET_ERROR_INVALID,
                                 "nothing can be copied to a read-only drive");
    return check_no_base(drive, err) < 0 ? -1 : check_no_overlays(drive, err);
}

int
maqet_copy(struct maqet_copy *copy, struct maqet_error **err)
{
    const struct maqet_drive *to = copy->to;
    uint64_t size;
    void *handle = NULL;

    copy->created = false;
    if (check_target(to, err) < 0 || maqet_copy_size(&copy->from, &size, err) < 0 ||
        maqet_drive_open(to, MAQET_CALL_LONG, &handle, err) < 0)
        return -1;
    _cleanup_(target_clear) struct target target = {0};
    target_of(&target, to, size);
    return to->storage->plugin.path_option
               ? copy_to_file(copy, &target.drive, goes_as_file(copy, size), err)
               : copy_elsewhere(copy, &target.drive, err);
}
