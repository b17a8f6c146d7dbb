/* SPDX-License-Identifier: MIT */
#include "core/storage/publication.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/durable.h"
#include "core/base/lock_holder.h"
#include "core/base/printable.h"
#include "core/base/replacement.h"
#include "core/storage/system_folders.h"

struct maqet_publication
maqet_publication_of(const struct maqet_drive *drive)
{
    const char *name = strrchr(drive->path, '/') + 1;

    return (struct maqet_publication){
        .drive = drive,
        .name = name,
        .lock = maqet_format(".%s.maqet-lock", name),
        .temporary = maqet_format(".%s.maqet-new", name),
        .folder_fd = -1,
        .lock_fd = -1,
    };
}

void
maqet_publication_clear(struct maqet_publication *publication)
{
    free(publication->folder);
    free(publication->lock);
    free(publication->temporary);
    maqet_cleanup_close(&publication->folder_fd);
    maqet_cleanup_close(&publication->lock_fd);
}

/* Whether a folder (links resolved) is in that of the definitions. */
static bool
in_store(const struct maqet_context *context, const char *folder)
{
    _cleanup_free_ char *path =
        context->data_dir ? maqet_format("%s/vms", context->data_dir) : NULL;
    _cleanup_free_ char *store = path ? realpath(path, NULL) : NULL;

    return store && maqet_path_is_within(folder, store);
}

int
maqet_publication_open(struct maqet_publication *publication, struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;
    const char *option = drive->storage->plugin.path_option;
    _cleanup_free_ char *folder = maqet_path_folder(drive->path);

    publication->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (publication->folder_fd < 0) {
        int number = errno;

        maqet_drive_error(drive, option, err,
                          number == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
                          "cannot create %s: the folder %s: %s", drive->path, folder,
                          strerror(number));
        _cleanup_free_ char *word = maqet_shell_quoted(folder);
        if (number == ENOENT)
            maqet_error_hint(err, "Create it: mkdir -p %s", word);
        return -1;
    }
    publication->folder = maqet_path_of_fd(publication->folder_fd);
    if (!publication->folder)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_FAILED,
                                 "cannot find out where the folder %s is: %s", folder,
                                 strerror(errno));
    if (in_store(drive->context, publication->folder)) {
        maqet_drive_error(drive, option, err, MAQET_ERROR_PERMISSION,
                          "%s would be created where maqet stores its definitions, "
                          "which are deleted with their VM; this is refused",
                          drive->path);
        maqet_error_hint(err, "Give a `%s` elsewhere", option);
        return -1;
    }
    const char *system = maqet_path_system(publication->folder, geteuid());
    if (system) {
        maqet_drive_error(drive, option, err, MAQET_ERROR_PERMISSION,
                          "%s would be created in %s, a system folder; this is refused",
                          drive->path, system);
        maqet_error_hint(err, "Give a `%s` elsewhere, below your home for example",
                         option);
        return -1;
    }
    return 0;
}

/* The lock file cannot be created, or belongs to another user. */
static int
error_lock(const struct maqet_publication *publication, int number,
           struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;
    const char *option = drive->storage->plugin.path_option;
    enum maqet_error_code code =
        number == EACCES || number == EROFS    ? MAQET_ERROR_PERMISSION
        : number == ENOSPC || number == EDQUOT ? MAQET_ERROR_NO_SPACE
                                               : MAQET_ERROR_FAILED;
    struct stat status;

    if (fstatat(publication->folder_fd, publication->lock, &status, AT_SYMLINK_NOFOLLOW) <
        0)
        return maqet_drive_error(drive, option, err, code,
                                 "cannot create %s: no file can be created in %s: %s",
                                 drive->path, publication->folder, strerror(number));
    maqet_drive_error(drive, option, err, code,
                      "cannot create %s: its lock file %s/%s cannot be opened: %s",
                      drive->path, publication->folder, publication->lock,
                      strerror(number));
    maqet_error_hint(err,
                     "Delete the lock file if nobody is creating that image, or give "
                     "the drive another `%s`",
                     option);
    return -1;
}

static void
say_waiting(const struct maqet_publication *publication)
{
    _cleanup_free_ char *holder = maqet_lock_holder(publication->lock_fd);

    maqet_context_say(publication->drive->context, MAQET_LEVEL_INFO,
                      "Waiting for %s, which is creating %s (lock: %s/%s)",
                      holder ? holder : "another process", publication->drive->path,
                      publication->folder, publication->lock);
}

/* Its last user removes the lock file, so we begin again if we locked one that no longer has
 * its name. */
int
maqet_publication_lock(struct maqet_publication *publication, int64_t timeout,
                       struct maqet_error **err)
{
    for (;;) {
        struct stat ours, there;
        int fd = openat(publication->folder_fd, publication->lock,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return error_lock(publication, errno, err);
        publication->lock_fd = fd;
        if (timeout > 0 && maqet_lock_held(fd, NULL) == 1)
            say_waiting(publication);
        if (maqet_lock_wait_named(fd, timeout, publication->drive->path, NULL, err) < 0)
            return -1;
        if (fstat(fd, &ours) == 0 &&
            fstatat(publication->folder_fd, publication->lock, &there,
                    AT_SYMLINK_NOFOLLOW) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return 0;
        close(fd);
        publication->lock_fd = -1;
    }
}

void
maqet_publication_unlock(struct maqet_publication *publication)
{
    unlinkat(publication->folder_fd, publication->lock, 0);
    close(publication->lock_fd);
    publication->lock_fd = -1;
}

int
maqet_publication_publish(struct maqet_publication *publication, struct maqet_error **err)
{
    if (maqet_file_publish(publication->folder_fd, publication->temporary,
                           publication->name))
        return 0;
    if (errno == EEXIST)
        return 1;
    return maqet_drive_error(publication->drive, NULL, err, MAQET_ERROR_FAILED,
                             "cannot put the new image into place at %s: %s",
                             publication->drive->path, strerror(errno));
}

/* Sets the mode, regardless of the umask and of the file that the plugin has put there.
 * Some file systems (FAT) have no modes, and some report that as an error. */
static int
set_mode(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    if (fchmod(fd, drive->mode) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot set the mode of %s: %s", drive->path,
                                 strerror(errno));
    maqet_warn(drive,
               "the file system does not allow setting the mode %04o of the new image "
               "%s (%s), so others may be able to read it",
               (unsigned)drive->mode, drive->path, strerror(errno));
    return 0;
}

static int
write_to(struct maqet_publication *publication, const char *path,
         maqet_publication_make *make, void *data, struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd =
        openat(publication->folder_fd, publication->temporary, flags, 0600);

    if (fd < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot create %s: %s", path, strerror(errno));
    if (make(data, drive, path, err) < 0)
        return maqet_error_wrap(err, "Cannot create %s (drive '%s' of VM '%s')",
                                drive->path, drive->name, drive->machine->vm_name);
    /* The plugin may have put another file there, which is the one to sync. */
    close(TAKE_FD(fd));
    fd = openat(publication->folder_fd, publication->temporary,
                O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && set_mode(drive, fd, err) < 0)
        return -1;
    /* It has its name, at the latest, when what is postponed is synced. */
    _cleanup_free_ char *final =
        maqet_format("%s/%s", publication->folder, publication->name);
    if (fd < 0 || maqet_durable_sync(fd, final) < 0 ||
        !maqet_file_id_of_fd(fd, &publication->id))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot write %s to the disk: %s", drive->path,
                                 strerror(errno));
    return 0;
}

int
maqet_publication_write(struct maqet_publication *publication,
                        maqet_publication_make *make, void *data,
                        const struct maqet_image_recorder *recorder,
                        struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;
    _cleanup_free_ char *path =
        maqet_format("%s/%s", publication->folder, publication->temporary);

    if (write_to(publication, path, make, data, err) < 0)
        return -1;
    /* Before the file gets its name: if we are killed in between, no unknown image is
     * left. */
    return recorder ? recorder->record(recorder->data, drive, path, &publication->id, err)
                    : 0;
}

void
maqet_publication_discard(const struct maqet_publication *publication)
{
    unlinkat(publication->folder_fd, publication->temporary, 0);
}

bool
maqet_publication_has_leftovers(const struct maqet_publication *publication)
{
    _cleanup_free_ char *folder = maqet_path_folder(publication->drive->path);
    _cleanup_free_ char *temporary =
        maqet_format("%s/%s", folder, publication->temporary);
    _cleanup_free_ char *lock = maqet_format("%s/%s", folder, publication->lock);
    struct stat status;

    return access(temporary, F_OK) == 0 ||
           (lstat(lock, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0);
}

bool
maqet_publication_is_busy(const struct maqet_publication *publication)
{
    _cleanup_free_ char *folder = maqet_path_folder(publication->drive->path);
    _cleanup_free_ char *lock = maqet_format("%s/%s", folder, publication->lock);
    _cleanup_close_ int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
}
