/* SPDX-License-Identifier: MIT */
/*
 * seeded-folder.c - a storage plugin whose drives are no files that maqet knows: it keeps
 * them in a folder, as a service would. It is right, or wrong in the one way that
 * -DFAULT=NAME says (seeded-faults.h). With FOR_EACH_START, what it creates is created
 * before each start (seeded-start.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seeded-faults.h"

#ifndef FOR_EACH_START
#define FOR_EACH_START 0
#endif

static const struct maqet_option options[] = {
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 65536,
     .maximum = INT64_MAX,
     .help = "size that the guest sees, such as 20G"},
    {.name = "key_file",
     .type = MAQET_OPTION_SECRET,
     .help = "file with the key by which the service knows us"},
    {.name = FOR_EACH_START ? NULL : "folder",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "where the disk is"},
    {.name = NULL},
};

/* A file of the drive; the caller frees. */
static char *
file_of(const struct maqet_drive *drive, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s",
                 FOR_EACH_START ? maqet_drive_folder(drive)
                                : maqet_drive_string(drive, "folder"),
                 name) < 0)
        abort();
    return path;
}

static int
error_of(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    return maqet_drive_error(drive, NULL, err,
                             errno == ENOENT ? MAQET_ERROR_MISSING : MAQET_ERROR_FAILED,
                             "%s: %s", path, strerror(errno));
}

/* ---- what is opened for a command ---- */

static int
folder_open(const struct maqet_drive *drive, void **handle, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    *handle = strdup("a connection");
    return 0;
}

static void
folder_close(const struct maqet_drive *drive, void *handle)
{
    (void)drive;
    free(handle);
}

/* What needs the connection. */
static int
check_handle(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *handle = maqet_drive_handle(drive);

    return handle && strcmp(handle, "a connection") == 0
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED, "nothing was opened");
}

/* ---- from creation to removal ---- */

static int
make_disk(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (FAULT == WIPES ? O_TRUNC : 0), 0600);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_of(drive, path, err);
    uint64_t size = maqet_drive_size(drive, "size");
    int result = status.st_size > 0 ? 0 : ftruncate(fd, (off_t)(size ? size : 1 << 20));
    if (FAULT == OTHERS_WRITE)
        fchmod(fd, 0666);
    close(fd);
    return result < 0 ? error_of(drive, path, err) : 0;
}

/* Tells a program the key. */
static int
use_key(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command;
    size_t size = 0;

    if (!maqet_drive_has(drive, "key_file"))
        return 0;
    const char *key = maqet_drive_secret(drive, "key_file", &size, err);
    if (!key)
        return -1;
    command = maqet_command_new("cat");
    maqet_command_input(command, key, size);
    if (FAULT == TELLS_ARGUMENT)
        maqet_command_word(command, key);
    if (FAULT == TELLS_ENVIRONMENT)
        maqet_command_environment(command, "KEY", key);
    return maqet_command_run(command, err);
}

static int
folder_create(const struct maqet_drive *drive, const char *unused,
              struct maqet_error **err)
{
    char *path = file_of(drive, FAULT == START_ELSEWHERE ? "../beside" : "disk");

    (void)unused;
    int result = check_handle(drive, err) < 0 || use_key(drive, err) < 0
                     ? -1
                     : make_disk(drive, path, err);
    if (FAULT == START_ELSEWHERE) {
        char *disk = file_of(drive, "disk");

        result = result < 0 ? -1 : make_disk(drive, disk, err);
        free(disk);
    }
    free(path);
    return result;
}

static int
folder_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    char *path = file_of(drive, "disk");
    struct stat status;

    (void)fd;
    int result = check_handle(drive, err);
    if (result == 0 && (stat(path, &status) < 0 || FAULT == NEVER_FINDS)) {
        errno = FAULT == NEVER_FINDS ? ENOENT : errno;
        if (errno == ENOENT)
            maqet_image_missing(image);
        result = error_of(drive, path, err);
    }
    if (result == 0)
        maqet_image_virtual_size(image, (uint64_t)status.st_size);
    free(path);
    return result;
}

static int
folder_remove(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *path = file_of(drive, "disk");
    int result = FAULT == LEAVES_IT ? 0 : unlink(path);

    if (result < 0 && (errno != ENOENT || FAULT == REMOVES_ONCE))
        result = error_of(drive, path, err);
    else
        result = 0;
    free(path);
    return result;
}

static int
folder_ended(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *path = file_of(drive, "lease");

    int result = unlink(path);
    if (result < 0 && (errno != ENOENT || FAULT == ENDS_ONCE))
        result = error_of(drive, path, err);
    else
        result = 0;
    free(path);
    return result;
}

static int
folder_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    char *path = file_of(drive, "disk");

    (void)err;
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.driver", "file");
    maqet_props_bool(node, "file.read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.filename", path);
    free(path);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "seeded",
    .summary = "disks in folders, for the test of the conformance kit",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .interface = "virtio",
    .size_option = "size",
    .creation = FOR_EACH_START ? MAQET_CREATION_EACH_START : MAQET_CREATION_ONCE,
    .open = folder_open,
    .close = folder_close,
    .create = folder_create,
    .inspect = folder_inspect,
    .emit_args = folder_emit_args,
    .remove = FOR_EACH_START ? NULL : folder_remove,
    .ended = folder_ended,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
