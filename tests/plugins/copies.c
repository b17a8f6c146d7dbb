/* SPDX-License-Identifier: MIT */
/*
 * copies.c - a storage plugin that has the least of a snapshot table that there may be:
 * its images are raw, and each snapshot is a copy beside the image, IMAGE.at-NAME. It
 * can't rename, write out or repair, and does nothing while QEMU runs.
 */
#include <maqet-plugin.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "virtual size"},
    {.name = NULL},
};

static int
copies_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
             struct maqet_error **err)
{
    (void)err;
    *at_once = *at_most = maqet_drive_size(drive, "size");
    return 0;
}

static int
copies_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    if (truncate(path, (off_t)maqet_drive_size(drive, "size")) == 0)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot create %s: %s", path,
                           strerror(errno));
}

static int
copies_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED, "%s",
                                 strerror(errno));
    maqet_image_format(image, "copies");
    maqet_image_virtual_size(image, (uint64_t)status.st_size);
    return 0;
}

static int
copies_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "raw");
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return 0;
}

/* ---- snapshots ---- */

static int
copy(const char *from, const char *to, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("cp");

    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", from);
    maqet_command_arg(command, "%s", to);
    return maqet_command_run(command, err);
}

/* The caller frees. */
static char *
copy_of(const struct maqet_drive *drive, const char *name)
{
    char *path;

    if (asprintf(&path, "%s.at-%s", maqet_drive_path(drive), name) < 0)
        abort();
    return path;
}

static int
snapshot_create(const struct maqet_drive *drive, const char *name,
                struct maqet_error **err)
{
    char *path = copy_of(drive, name);
    int result = copy(maqet_drive_path(drive), path, err);

    free(path);
    return result;
}

static int
snapshot_load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              struct maqet_error **err)
{
    char *path = copy_of(drive, maqet_snapshot_name(snapshot));
    int result = copy(path, maqet_drive_path(drive), err);

    free(path);
    return result;
}

static int
snapshot_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    char *path = copy_of(drive, maqet_snapshot_name(snapshot));
    int result = unlink(path);

    if (result < 0)
        maqet_error_set(err, MAQET_ERROR_FAILED, "cannot remove %s: %s", path,
                        strerror(errno));
    free(path);
    return result;
}

static int
snapshot_list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
              struct maqet_error **err)
{
    const char *image = maqet_drive_path(drive), *base = strrchr(image, '/') + 1;
    char *folder = strndup(image, (size_t)(base - image)), *prefix;
    DIR *dir = opendir(folder);

    (void)fd;
    if (asprintf(&prefix, "%s.at-", base) < 0)
        abort();
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *name = entry->d_name + strlen(prefix);
        struct stat status;

        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
            fstatat(dirfd(dir), entry->d_name, &status, 0) < 0)
            continue;
        struct maqet_snapshot *snapshot = maqet_snapshots_add(snapshots, name, name);
        maqet_snapshot_date(snapshot, status.st_mtim.tv_sec,
                            (uint32_t)status.st_mtim.tv_nsec);
        maqet_snapshot_used(snapshot, (uint64_t)status.st_blocks * 512);
    }
    int result = dir ? 0
                     : maqet_error_set(err, MAQET_ERROR_FAILED, "cannot read %s: %s",
                                       folder, strerror(errno));
    if (dir)
        closedir(dir);
    free(folder);
    free(prefix);
    return result;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = snapshot_create,
    .load = snapshot_load,
    .remove = snapshot_remove,
    .list = snapshot_list,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "copies",
    .summary = "raw images with copies for snapshots, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .creation = MAQET_CREATION_ONCE,
    .space = copies_space,
    .create = copies_create,
    .inspect = copies_inspect,
    .emit_args = copies_emit_args,
    .snapshot = &snapshots,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
