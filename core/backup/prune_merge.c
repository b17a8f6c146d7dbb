/* SPDX-License-Identifier: MIT */
#include "core/backup/prune_merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backup/chain.h"
#include "core/backup/verify.h"
#include "core/base/files.h"
#include "core/storage/callback.h"
#include "core/storage/overlay_view.h"

/* An increment, and the image below it. */
struct merging {
    const struct maqet_context *context;
    struct maqet_catalog *catalog;
    struct maqet_backup_links links; /* up to the increment */
    const struct maqet_backup_link *upper;
    const struct maqet_backup_link *below;
    struct maqet_backup_chain chain;
    struct maqet_view view; /* of the increment */
};

static void
merging_clear(struct merging *merging)
{
    maqet_view_clear(&merging->view);
    maqet_backup_chain_close(&merging->chain);
    maqet_backup_links_clear(&merging->links);
}

/* Inspects all images, and makes the increment a drive for the callbacks of its plugin. */
static int
open_merging(struct merging *merging, const char *upper, const char *drive,
             struct maqet_error **err)
{
    const struct maqet_catalog *catalog = merging->catalog;
    const struct maqet_backup_entry *entry = maqet_catalog_get(catalog, upper, err);
    const struct maqet_backup_drive *its =
        entry && !entry->fault ? maqet_backup_drive(&entry->backup, drive) : NULL;

    if (!its || maqet_catalog_links(catalog, entry, its, &merging->links, err) < 0 ||
        maqet_backup_chain_open(merging->context, catalog->vm, &merging->links,
                                &merging->chain, err) < 0)
        return -1;
    size_t top = merging->links.count - 1;
    merging->upper = &merging->links.items[top];
    merging->below = &merging->links.items[top - 1];
    if (maqet_view_make(merging->chain.drive, maqet_backup_chain_node(top),
                        &merging->view, err) < 0)
        return -1;
    struct maqet_drive *view = merging->view.drive;
    free(view->backing.name);
    view->backing.name = maqet_backup_chain_backing_name(merging->below);
    view->readonly = false;
    return 0;
}

int
maqet_prune_used(const struct maqet_context *context, const struct maqet_catalog *catalog,
                 const char *upper, const char *drive, uint64_t *bytes,
                 struct maqet_error **err)
{
    _cleanup_(merging_clear) struct merging merging = {
        .context = context, .catalog = (struct maqet_catalog *)catalog};

    if (open_merging(&merging, upper, drive, err) < 0)
        return -1;
    _cleanup_close_ int fd =
        open(merging.upper->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", merging.upper->path)
                  : MAQET_OVERLAY_CALL(err, merging.view.drive, MAQET_CALL_SERVICE, used,
                                       fd, bytes);
}

/* ---- merging ---- */

/* Lets us write to an image; its mode is restored when it is complete. */
static int
make_writable(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0 ||
        (!(status.st_mode & 0200) && chmod(path, (status.st_mode & 07777) | 0200) < 0))
        return maqet_error_errno(err, errno, "Cannot write to %s", path);
    return 0;
}

static int
sync_file(const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 || fsync(fd) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s to the disk", path)
               : 0;
}

static int
merge_down(struct merging *merging, struct maqet_error **err)
{
    struct maqet_drive *view = merging->view.drive;

    view->backing.written = true;
    if (make_writable(merging->below->path, err) < 0 ||
        make_writable(merging->upper->path, err) < 0)
        return -1;
    return MAQET_OVERLAY_CALL(err, view, MAQET_CALL_LONG, merge_down);
}

/* Records that the size and the checksum of the increment are about to change. */
static int
note_growing(const struct merging *merging, struct maqet_error **err)
{
    struct maqet_catalog *catalog = merging->catalog;
    struct maqet_pruning *pruning = &catalog->pruning;

    free(pruning->growing);
    free(pruning->growing_drive);
    pruning->growing = maqet_strdup(merging->upper->entry->id);
    pruning->growing_drive = maqet_strdup(merging->upper->drive->name);
    return maqet_pruning_write(catalog->folder, catalog->vm, pruning, err);
}

static int
merge_up(struct merging *merging, struct maqet_error **err)
{
    const struct maqet_backup_link *below = merging->below;
    const struct maqet_backup_link *lower = below->drive->base ? below - 1 : NULL;
    _cleanup_free_ char *name = lower ? maqet_backup_chain_backing_name(lower) : NULL;
    const struct maqet_storage *storage =
        lower ? maqet_storage_load(merging->context, lower->drive->format, err) : NULL;

    if ((lower && !storage) || note_growing(merging, err) < 0 ||
        make_writable(merging->upper->path, err) < 0)
        return -1;
    return MAQET_OVERLAY_CALL(err, merging->view.drive, MAQET_CALL_LONG, merge_up, name,
                              storage ? storage->plugin.format : NULL);
}

/* Records the image that holds both. */
static int
record(const struct merging *merging, bool down, struct maqet_error **err)
{
    struct maqet_catalog *catalog = merging->catalog;
    struct maqet_pruning *pruning = &catalog->pruning;
    const struct maqet_backup_link *both = down ? merging->below : merging->upper;
    const char *id = merging->upper->entry->id;
    _cleanup_free_ char *checksum =
        maqet_strings_has(&pruning->going, id)
            ? maqet_strdup("")
            : maqet_backup_checksum(merging->context, both->path, err);
    struct stat status;

    if (!checksum || sync_file(both->path, err) < 0)
        return -1;
    if (stat(both->path, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", both->path);
    *MAQET_APPEND(pruning->images, pruning->count) = (struct maqet_pruned_image){
        .id = maqet_strdup(id),
        .drive = maqet_strdup(merging->upper->drive->name),
        .below = maqet_strdup(merging->below->entry->id),
        .below_file = maqet_strdup(merging->below->drive->file),
        .replaced = down,
        .base = maqet_strdup(merging->below->drive->base),
        .size = (uint64_t)status.st_size,
        .modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
        .checksum = TAKE_PTR(checksum),
    };
    return maqet_pruning_write(catalog->folder, catalog->vm, pruning, err);
}

int
maqet_prune_merge(const struct maqet_context *context, struct maqet_catalog *catalog,
                  const char *below, const char *upper, const char *drive, bool alone,
                  struct maqet_error **err)
{
    _cleanup_(merging_clear) struct merging merging = {.context = context,
                                                       .catalog = catalog};

    if (open_merging(&merging, upper, drive, err) < 0)
        return -1;
    /* What stands on the increment stores its format, too. */
    bool down =
        alone && strcmp(merging.below->drive->format, merging.upper->drive->format) == 0;
    if ((down ? merge_down(&merging, err) : merge_up(&merging, err)) == 0 &&
        record(&merging, down, err) == 0)
        return 0;
    return maqet_error_wrap(err,
                            "VM '%s', drive '%s': cannot merge the backup %s with %s",
                            catalog->vm, drive, upper, below);
}

/* ---- what is recorded ---- */

static int
sync_folder(const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", path)
                  : maqet_dir_sync(fd, path, err);
}

/* Gives the image below the name of the increment that is in it. */
static int
replace(const struct maqet_catalog *catalog, const struct maqet_pruned_image *image,
        const char *file, struct maqet_error **err)
{
    _cleanup_free_ char *from_folder =
        maqet_backup_path(catalog->folder, catalog->vm, image->below);
    _cleanup_free_ char *folder =
        maqet_backup_path(catalog->folder, catalog->vm, image->id);
    _cleanup_free_ char *from = maqet_format("%s/%s", from_folder, image->below_file);
    _cleanup_free_ char *to = maqet_format("%s/%s", folder, file);

    if (!maqet_backup_is_there(catalog->folder, catalog->vm, image->below) ||
        maqet_file_missing(from))
        return 0; /* it was renamed before */
    if (rename(from, to) < 0)
        return maqet_error_errno(err, errno, "Cannot rename %s to %s", from, to);
    return sync_folder(folder, err) < 0 ? -1 : sync_folder(from_folder, err);
}

static int
settle(const struct maqet_catalog *catalog, const struct maqet_pruned_image *image,
       struct maqet_error **err)
{
    _cleanup_backup_ struct maqet_backup backup = {0};
    _cleanup_free_ char *path =
        maqet_backup_path(catalog->folder, catalog->vm, image->id);

    if (maqet_backup_read(catalog->folder, catalog->vm, image->id, &backup, err) < 0)
        return -1;
    const struct maqet_backup_drive *drive = maqet_backup_drive(&backup, image->drive);
    if (!drive)
        return 0;
    if (image->replaced && replace(catalog, image, drive->file, err) < 0)
        return -1;
    return maqet_pruned_image_apply(image, &backup)
               ? maqet_backup_write(path, &backup, err)
               : 0;
}

int
maqet_prune_settle(struct maqet_catalog *catalog, struct maqet_error **err)
{
    struct maqet_pruning *pruning = &catalog->pruning;
    size_t count = pruning->count;

    for (size_t i = 0; i < count; i++)
        if (settle(catalog, &pruning->images[i], err) < 0)
            return -1;
    if (count == 0)
        return 0;
    /* They are freed with the rest. */
    struct maqet_pruning left = {.going = pruning->going};
    return maqet_pruning_write(catalog->folder, catalog->vm, &left, err);
}
