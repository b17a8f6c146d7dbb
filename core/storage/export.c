/* SPDX-License-Identifier: MIT */
/*
 * export.c - the plugin, or qemu-img, writes a temporary file beside the file, which gets its name when
 * it is complete and synced. If we are killed, a child removes the temporary file. If the
 * child is killed too, the next command does so by means of the caller's record.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/storage/callback.h"
#include "core/storage/conversion.h"
#include "core/storage/export.h"

struct exporting {
    const struct maqet_export *export;
    const struct maqet_export_recorder *recorder;
    const char *name; /* of the file, within its folder */
    char *temporary;
    char *temporary_path;
    int folder_fd;
    int fd; /* the temporary file, locked against another export to the same name */
    struct maqet_file_id id; /* of it */
    struct maqet_child janitor;
};

static void
exporting_clear(struct exporting *exporting)
{
    free(exporting->temporary);
    free(exporting->temporary_path);
    maqet_cleanup_close(&exporting->folder_fd);
    maqet_cleanup_close(&exporting->fd);
}

static int
error_exists(const char *path, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a file %s", path);
    maqet_error_hint(err, "Give another name");
    return -1;
}

/* Only the first byte: qemu-img locks bytes of the same file from the hundredth on (QEMU:
 * block/file-posix.c). */
static bool
lock_first_byte(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* ---- the temporary file ---- */

/* Without @id the export was killed before it recorded which file it is: then only an
 * empty file can go. */
static bool
is_abandoned(int fd, const struct maqet_file_id *id)
{
    struct maqet_file_id there;
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid())
        return false;
    return id ? maqet_file_id_of_fd(fd, &there) && maqet_file_id_equal(&there, id)
              : status.st_size == 0 && status.st_nlink == 1;
}

bool
maqet_export_remove_abandoned(const char *temporary, const struct maqet_file_id *id)
{
    _cleanup_close_ int fd =
        open(temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct maqet_file_id there, opened;

    /* An export that holds the lock is writing the file. */
    return fd >= 0 && lock_first_byte(fd) && is_abandoned(fd, id) &&
           maqet_file_id_of_fd(fd, &opened) && maqet_file_id_of_path(temporary, &there) &&
           maqet_file_id_equal(&opened, &there) && unlink(temporary) == 0;
}

/* Opens and locks the temporary file, which a killed export may have left. Only its owner
 * can read it, whatever the umask is, because a disk holds secrets. */
static int
take_temporary(struct exporting *exporting, struct maqet_error **err)
{
    const char *path = exporting->export->path;
    struct maqet_file_id there;
    struct stat status;

    for (;;) {
        _cleanup_close_ int fd = openat(exporting->folder_fd, exporting->temporary,
                                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return maqet_error_errno(err, errno, "Cannot create %s", path);
        if (!lock_first_byte(fd))
            return maqet_error_set(err, MAQET_ERROR_BUSY,
                                   "Another export to %s is under way", path);
        /* It may have become the finished file meanwhile. */
        if (!maqet_file_id_of_fd(fd, &exporting->id) ||
            !maqet_file_id_of_path(exporting->temporary_path, &there) ||
            !maqet_file_id_equal(&exporting->id, &there))
            continue;
        /* Others could read it, or would lose a file of theirs. */
        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
            status.st_uid != geteuid() || status.st_nlink != 1)
            return maqet_error_set(err, MAQET_ERROR_EXISTS,
                                   "Cannot create %s: there is a file %s, which is not a "
                                   "temporary file of yours",
                                   path, exporting->temporary_path);
        if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0)
            return maqet_error_errno(err, errno, "Cannot write %s", path);
        exporting->fd = TAKE_FD(fd);
        return 0;
    }
}

/* @mark: a file that is not the export itself; "" for that. */
static int
begin(struct exporting *exporting, const char *mark, struct maqet_error **err)
{
    const char *path = exporting->export->path;
    const struct maqet_export_recorder *recorder = exporting->recorder;
    _cleanup_free_ char *folder = maqet_path_folder(path);

    exporting->name = strrchr(path, '/') + 1;
    exporting->temporary = maqet_format(".%s%s.maqet-new", exporting->name, mark);
    exporting->temporary_path = maqet_format("%s/%s", folder, exporting->temporary);
    exporting->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exporting->folder_fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    if (faccessat(exporting->folder_fd, exporting->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_exists(path, err);
    if (recorder->record(recorder->data, exporting->temporary_path, NULL, err) < 0 ||
        take_temporary(exporting, err) < 0)
        return -1;
    return recorder->record(recorder->data, exporting->temporary_path, &exporting->id,
                            err);
}

/* ---- if we are killed ---- */

/* The child waits for our end, and removes the temporary file. */
static int
clean_up(void *data, int fd)
{
    const struct exporting *exporting = data;

    maqet_child_receive(fd);
    /* The kernel may release our lock after it has closed our socket. */
    for (int i = 0; i < 100; i++) {
        if (maqet_export_remove_abandoned(exporting->temporary_path, &exporting->id))
            break;
        maqet_sleep(20);
    }
    return 0;
}

/* ---- writing ---- */

/* Syncs the file, and gives it its name. */
static int
publish(const struct exporting *exporting, struct maqet_error **err)
{
    const struct maqet_export_recorder *recorder = exporting->recorder;
    const char *path = exporting->export->path;
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int fd = openat(exporting->folder_fd, exporting->temporary,
                                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    /* Others may only see the complete file, whatever the plugin has made of its mode. */
    mode_t mode = exporting->export->mode ? exporting->export->mode : 0600;
    if (fd >= 0 && fchmod(fd, mode) < 0)
        return maqet_error_errno(err, errno, "Cannot set the mode of %s", path);
    if (fd < 0 || fsync(fd) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s to the disk", path);
    if (recorder->verify(recorder->data, err) < 0)
        return -1;
    if (maqet_file_publish(exporting->folder_fd, exporting->temporary, exporting->name))
        return maqet_dir_sync(exporting->folder_fd, folder, err);
    return errno == EEXIST ? error_exists(path, err)
                           : maqet_error_errno(err, errno, "Cannot create %s", path);
}

/* Has @use write a file. It gets its name if @publishes, and is removed otherwise. */
static int
run(struct exporting *exporting, const char *mark, bool publishes,
    maqet_export_write *use, void *data, struct maqet_error **err)
{
    if (begin(exporting, mark, err) < 0) {
        if (exporting->fd >= 0)
            unlinkat(exporting->folder_fd, exporting->temporary, 0);
        return -1;
    }
    /* If there is no child, the next command finds the record of the file. */
    maqet_child_detach(&exporting->janitor, NULL, 0, clean_up, exporting);
    int result = use(data, exporting->temporary_path, err);
    if (result == 0 && publishes)
        result = publish(exporting, err);
    if (result < 0 || !publishes)
        unlinkat(exporting->folder_fd, exporting->temporary, 0);
    if (exporting->janitor.pid > 0)
        kill(exporting->janitor.pid, SIGKILL);
    maqet_child_reap(&exporting->janitor);
    return result;
}

int
maqet_export_run(const struct maqet_export *export,
                 const struct maqet_export_recorder *recorder, maqet_export_write *write,
                 void *data, struct maqet_error **err)
{
    _cleanup_(exporting_clear) struct exporting exporting = {.export = export,
                                                             .recorder = recorder,
                                                             .folder_fd = -1,
                                                             .fd = -1,
                                                             .janitor = MAQET_CHILD_INIT};

    return run(&exporting, "", true, write, data, err);
}

int
maqet_export_beside(const struct maqet_export *export,
                    const struct maqet_export_recorder *recorder, maqet_export_write *use,
                    void *data, struct maqet_error **err)
{
    _cleanup_(exporting_clear) struct exporting exporting = {.export = export,
                                                             .recorder = recorder,
                                                             .folder_fd = -1,
                                                             .fd = -1,
                                                             .janitor = MAQET_CHILD_INIT};

    return run(&exporting, ".copy", false, use, data, err);
}

/* ---- a snapshot ---- */

struct writing {
    const struct maqet_export *export;
    const struct maqet_drive *drive;
    const struct maqet_snapshot *snapshot; /* NULL: the present state */
};

static int
write_snapshot(void *data, const char *path, struct maqet_error **err)
{
    const struct writing *writing = data;
    const struct maqet_export *export = writing->export;
    const struct maqet_drive *drive = writing->drive;
    const struct maqet_snapshot *snapshot = writing->snapshot;
    struct maqet_error *reason = NULL;

    if ((export->decrypt
             ? MAQET_SNAPSHOT_CALL(&reason, drive, MAQET_CALL_LONG, write_decrypted,
                                   snapshot, path, export->format, export->compress)
             : MAQET_SNAPSHOT_CALL(&reason, drive, MAQET_CALL_LONG, write_out, snapshot,
                                   path, export->format, export->compress)) == 0)
        return 0;
    maqet_error_wrap(&reason,
                     "VM '%s', drive '%s': cannot export the snapshot '%s' "
                     "to %s",
                     drive->machine->vm_name, drive->name, snapshot->name, export->path);
    if (!export->decrypt && drive->storage->snapshot.write_decrypted &&
        reason->code == MAQET_ERROR_UNSUPPORTED)
        maqet_error_next(&reason, MAQET_NEXT_EXPORT_DECRYPTED, NULL);
    if (export->decrypt && reason->code == MAQET_ERROR_INVALID)
        maqet_error_next(&reason, MAQET_NEXT_EXPORT_ENCRYPTED, NULL);
    return maqet_error_move(err, reason);
}

int
maqet_drive_snapshot_export(const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot,
                            const struct maqet_export *export,
                            const struct maqet_export_recorder *recorder,
                            struct maqet_error **err)
{
    struct writing writing = {.export = export, .drive = drive, .snapshot = snapshot};

    if (!drive->storage->snapshot.write_out) {
        maqet_drive_error_unsupported(drive, "cannot export snapshots", err);
        maqet_error_hint(err, "Load the snapshot, and copy the image");
        return -1;
    }
    if (export->decrypt && !drive->storage->snapshot.write_decrypted) {
        maqet_drive_error_unsupported(drive, "cannot decrypt", err);
        maqet_error_next(err, MAQET_NEXT_EXPORT_ENCRYPTED, NULL);
        return -1;
    }
    return maqet_export_run(export, recorder, write_snapshot, &writing, err);
}

/* ---- a drive ---- */

static int
write_drive(void *data, const char *path, struct maqet_error **err)
{
    const struct writing *writing = data;
    const struct maqet_export *export = writing->export;
    const struct maqet_drive *drive = writing->drive;
    const struct maqet_copy_source from = {.of = MAQET_COPY_DRIVE, .drive = drive};
    struct maqet_error *reason = NULL;

    if (maqet_convert_to_file(&from, path, export->format, export->compress, &reason) ==
        0)
        return 0;
    maqet_error_wrap(&reason, "VM '%s', drive '%s': cannot export it to %s",
                     drive->machine->vm_name, drive->name, export->path);
    return maqet_error_move(err, reason);
}

int
maqet_drive_check_export(const struct maqet_drive *drive,
                         const struct maqet_export *export, struct maqet_error **err)
{
    bool encrypted;

    if (maqet_convert_is_encrypted(drive, &encrypted, err) < 0)
        return -1;
    if (encrypted && !export->decrypt) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "it is encrypted, and the file would not be");
        return maqet_error_next(err, MAQET_NEXT_EXPORT_DECRYPTED, NULL);
    }
    if (!encrypted && export->decrypt) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID, "it is not encrypted");
        return maqet_error_next(err, MAQET_NEXT_EXPORT_ENCRYPTED, NULL);
    }
    return 0;
}

int
maqet_drive_export(const struct maqet_drive *drive, const struct maqet_export *export,
                   const struct maqet_export_recorder *recorder, struct maqet_error **err)
{
    struct writing writing = {.export = export, .drive = drive};

    return maqet_drive_check_export(drive, export, err) < 0
               ? -1
               : maqet_export_run(export, recorder, write_drive, &writing, err);
}
