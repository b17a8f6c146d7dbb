/* SPDX-License-Identifier: MIT */
/*
 * export.c - writing what a snapshot holds to a file of its own: under a temporary name
 * beside it, which becomes the file when it is complete and on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/plugin/call.h"
#include "core/storage/snapshots.h"

struct exporting {
    const char *path;
    const char *name; /* of the file, within its folder */
    char *temporary;
    int folder_fd;
    int fd; /* the temporary file, locked against another export to the same name */
};

static void
exporting_clear(struct exporting *exporting)
{
    free(exporting->temporary);
    if (exporting->folder_fd >= 0)
        close(exporting->folder_fd);
    if (exporting->fd >= 0)
        close(exporting->fd);
}

static int
error_exists(const char *path, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_EXISTS, "There is a file %s already", path);
    maqet_error_hint(err, "Remove it, or give another name");
    return -1;
}

/* A lock on the first byte only: QEMU's own, which qemu-img takes on the same file, are
 * on those from the hundredth on (QEMU: block/file-posix.c). */
static bool
lock_first_byte(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Takes the temporary file, which may be one that a killed export has left. */
static int
take_temporary(struct exporting *exporting, struct maqet_error **err)
{
    struct stat ours, there;

    for (;;) {
        _cleanup_close_ int fd = openat(exporting->folder_fd, exporting->temporary,
                                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

        if (fd < 0)
            return maqet_error_errno(err, errno, "Can't make %s", exporting->path);
        if (!lock_first_byte(fd))
            return maqet_error_set(err, MAQET_ERROR_BUSY,
                                   "Another export to %s is under way", exporting->path);
        /* It may have become the finished file while we were at it. */
        if (fstat(fd, &ours) < 0 ||
            fstatat(exporting->folder_fd, exporting->temporary, &there,
                    AT_SYMLINK_NOFOLLOW) < 0 ||
            ours.st_ino != there.st_ino)
            continue;
        if (ftruncate(fd, 0) < 0)
            return maqet_error_errno(err, errno, "Can't write %s", exporting->path);
        exporting->fd = TAKE_FD(fd);
        return 0;
    }
}

static int
begin(struct exporting *exporting, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(exporting->path);

    exporting->name = strrchr(exporting->path, '/') + 1;
    exporting->temporary = maqet_format(".%s.maqet-new", exporting->name);
    exporting->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exporting->folder_fd < 0)
        return maqet_error_errno(err, errno, "Can't make %s", exporting->path);
    if (faccessat(exporting->folder_fd, exporting->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_exists(exporting->path, err);
    return take_temporary(exporting, err);
}

/* Has the plugin write the temporary file, and gives it its name. */
static int
write_temporary(struct exporting *exporting, const struct maqet_drive *drive,
                const struct maqet_snapshot *snapshot, const char *format, bool compress,
                struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    _cleanup_free_ char *folder = maqet_path_folder(exporting->path);
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, exporting->temporary);
    MAQET_CALL(MAQET_CALL_LONG);
    int result = table->write_out(drive, snapshot, path, format, compress, err);

    if (maqet_drive_judge(drive, drive->storage->plugin.name, "write_out", result, err) <
        0)
        return maqet_error_wrap(err,
                                "Virtual machine '%s', drive '%s': can't export the "
                                "snapshot '%s' to %s",
                                drive->machine->vm_name, drive->name, snapshot->name,
                                exporting->path);
    _cleanup_close_ int fd = openat(exporting->folder_fd, exporting->temporary,
                                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) < 0)
        return maqet_error_errno(err, errno, "Can't write %s to the disk",
                                 exporting->path);
    if (maqet_file_publish(exporting->folder_fd, exporting->temporary, exporting->name))
        return maqet_dir_sync(exporting->folder_fd, folder, err);
    return errno == EEXIST
               ? error_exists(exporting->path, err)
               : maqet_error_errno(err, errno, "Can't make %s", exporting->path);
}

int
maqet_drive_snapshot_export(const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot, const char *path,
                            const char *format, bool compress, struct maqet_error **err)
{
    _cleanup_(exporting_clear) struct exporting exporting = {
        .path = path, .folder_fd = -1, .fd = -1};

    if (!drive->storage->snapshot.write_out) {
        maqet_error_set(
            err, MAQET_ERROR_UNSUPPORTED,
            "Virtual machine '%s', drive '%s': the type %s can't export snapshots",
            drive->machine->vm_name, drive->name, drive->storage->plugin.name);
        maqet_error_hint(err, "Load the snapshot, and copy the image");
        return -1;
    }
    if (begin(&exporting, err) < 0)
        return -1;
    if (write_temporary(&exporting, drive, snapshot, format, compress, err) == 0)
        return 0;
    unlinkat(exporting.folder_fd, exporting.temporary, 0);
    return -1;
}
