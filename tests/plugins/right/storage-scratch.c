/* SPDX-License-Identifier: MIT */
/*
 * storage-scratch.c - a disk that is created for each start, in the drive's folder; with
 * -DDISC a disc, which the guest may only read. The folder is kept open in a handle.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef DISC
enum { MEDIA = MAQET_MEDIA_CDROM };
#define INTERFACE "sata"
#else
enum { MEDIA = MAQET_MEDIA_DISK };
#define INTERFACE "virtio"
#endif

static const struct maqet_option options[] = {
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 2048,
     .maximum = INT64_C(1) << 40,
     .fallback = "1M",
     .help = "size that the guest sees"},
    {.name = NULL},
};

struct work {
    int folder;
};

static int
scratch_open(const struct maqet_drive *drive, void **handle, struct maqet_error **err)
{
    struct work *work = calloc(1, sizeof(*work));

    if (!work)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "no memory");
    work->folder = open(maqet_drive_folder(drive), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (work->folder < 0) {
        free(work);
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot open the folder: %m");
    }
    *handle = work;
    return 0;
}

static void
scratch_close(const struct maqet_drive *drive, void *handle)
{
    struct work *work = handle;

    (void)drive;
    close(work->folder);
    free(work);
}

/* The caller frees; NULL: no memory. */
static char *
disk(const struct maqet_drive *drive)
{
    char *path;

    return asprintf(&path, "%s/disk", maqet_drive_folder(drive)) < 0 ? NULL : path;
}

static int
scratch_create(const struct maqet_drive *drive, const char *path,
               struct maqet_error **err)
{
    struct work *work = maqet_drive_handle(drive);
    uint64_t size = (maqet_drive_size(drive, "size") + 2047) / 2048 * 2048;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = work ? openat(work->folder, "disk", flags, 0600) : -1;
    int result = 0;

    if (path || !work)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "it is not as it should be");
    else if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "cannot create the disk: %m");
    if (fd >= 0)
        close(fd);
    return result;
}

static int
scratch_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                  struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    bool readonly = maqet_drive_readonly(drive);
    char *file = disk(drive);

    if (!file)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "no memory");
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", readonly);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", file);
    maqet_props_bool(node, "file.read-only", readonly);
    free(file);
    return 0;
}

static int
scratch_ended(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_drive_handle(drive)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED, "nothing is open");
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "what is new at each start",
    .options = options,
    .media = MEDIA,
    .format = "raw",
    .interface = INTERFACE,
    .size_option = "size",
    .creation = MAQET_CREATION_EACH_START,
    .open = scratch_open,
    .close = scratch_close,
    .create = scratch_create,
    .emit_args = scratch_emit_args,
    .ended = scratch_ended,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
