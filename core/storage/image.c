/* SPDX-License-Identifier: MIT */
#include "core/storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/base/files.h"
#include "core/storage/paths.h"

/* Somebody else may be making a large image under the same name; we wait for him. */
static const int64_t MAKING_TIMEOUT = 600 * 1000;

/* What a plugin's inspect reports. */
struct maqet_image {
    const struct maqet_drive *drive;
    char *format;
    uint64_t virtual_size;
    char *undeclared; /* the first file that the image names and the configuration doesn't
                       */
};

/* ---- what plugins report (maqet-plugin.h) ---- */

void
maqet_image_format(struct maqet_image *image, const char *format)
{
    free(image->format);
    image->format = maqet_strdup(format);
}

void
maqet_image_virtual_size(struct maqet_image *image, uint64_t bytes)
{
    image->virtual_size = bytes;
}

static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? maqet_strdup("/")
                         : maqet_strndup(path, (size_t)(slash - path));
}

/* Two names of one file: the same text, or the same file behind them. */
static bool
same_file(const char *a, const char *b)
{
    struct stat one, other;

    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

void
maqet_image_names_file(struct maqet_image *image, const char *option, const char *what,
                       const char *name)
{
    const char *declared = option ? maqet_drive_string(image->drive, option) : NULL;
    _cleanup_free_ char *folder = folder_of(image->drive->path);
    /* "~" is a name like any other in an image. */
    _cleanup_free_ char *absolute =
        name[0] == '/' ? maqet_strdup(name) : maqet_format("%s/%s", folder, name);

    if (image->undeclared || (declared && same_file(declared, absolute)))
        return;
    image->undeclared = maqet_format("%s '%s'", what, name);
}

/* ---- what is there ---- */

static int
error_undeclared(const struct maqet_drive *drive, const struct maqet_image *image,
                 struct maqet_error **err)
{
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_INVALID,
                      "the image %s names the %s, which the configuration doesn't; it is "
                      "not opened, since such a name can make any file of this host "
                      "readable in the guest",
                      drive->path, image->undeclared);
    maqet_error_hint(err,
                     "If you trust the image, name that file in the configuration too; "
                     "else remove the image");
    return -1;
}

static int
error_format(const struct maqet_drive *drive, const char *format,
             struct maqet_error **err)
{
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_INVALID,
                      "%s is an image of the format '%s', not '%s'", drive->path, format,
                      drive->storage->plugin.name);
    maqet_error_hint(err, "Say `type: %s`, or give another file", format);
    return -1;
}

/* Lets the plugin look at what we opened, and holds the answer against the configuration.
 */
static int
inspect_by_plugin(const struct maqet_drive *drive, int fd,
                  struct maqet_image_state *state, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    struct maqet_image image = {.drive = drive};

    if (!plugin->inspect)
        return 0;
    int result = maqet_drive_judge(drive, plugin->name, "inspect",
                                   plugin->inspect(drive, fd, &image, err), err);
    if (result == 0 && image.format && strcmp(image.format, plugin->name) != 0)
        result = error_format(drive, image.format, err);
    else if (result == 0 && image.undeclared)
        result = error_undeclared(drive, &image, err);
    state->virtual_size = image.virtual_size;
    free(image.format);
    free(image.undeclared);
    return result;
}

/* A file under a name that others could guess must be nobody's but ours. */
static int
check_default_path(const struct maqet_drive *drive, const struct stat *status,
                   struct maqet_error **err)
{
    if (S_ISREG(status->st_mode) && status->st_uid == geteuid() && status->st_nlink == 1)
        return 0;
    maqet_drive_error(
        drive, NULL, err, MAQET_ERROR_PERMISSION,
        "%s is not a plain file of your own, so somebody else may have put it "
        "there; it is not used",
        drive->path);
    maqet_error_hint(err,
                     "Look at it and remove it, or give the drive a `file` of its own");
    return -1;
}

static int
error_open(const struct maqet_drive *drive, int number, struct maqet_error **err)
{
    const char *option = drive->storage->plugin.path_option;

    if (number == ELOOP && drive->default_path)
        return check_default_path(drive, &(struct stat){0}, err);
    return maqet_drive_error(drive, option, err,
                             number == EACCES ? MAQET_ERROR_PERMISSION
                                              : MAQET_ERROR_FAILED,
                             "can't open %s: %s", drive->path, strerror(number));
}

/* A link to nothing can neither be opened nor be replaced: "missing" would be wrong. */
static int
check_no_link(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct stat status;

    if (lstat(drive->path, &status) < 0 || !S_ISLNK(status.st_mode))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_MISSING,
                      "%s is a link to a file that isn't there", drive->path);
    maqet_error_hint(err, "Remove the link, or name the file itself");
    return -1;
}

static int
check_writable(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_readonly(drive) ||
        faccessat(AT_FDCWD, drive->path, W_OK, AT_EACCESS) == 0)
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                      MAQET_ERROR_PERMISSION, "you may not write %s: %s", drive->path,
                      strerror(errno));
    maqet_error_hint(err, "Change its permissions, or say `readonly: on`");
    return -1;
}

int
maqet_image_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                    struct maqet_error **err)
{
    struct stat status;

    *state = (struct maqet_image_state){0};
    if (!drive->path)
        return 0;
    /* O_NONBLOCK: a FIFO in the image's place must not make us wait for a writer. */
    _cleanup_close_ int fd =
        open(drive->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                              (drive->default_path ? O_NOFOLLOW : 0));
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return check_no_link(drive, err);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_open(drive, errno, err);
    if (drive->default_path && check_default_path(drive, &status, err) < 0)
        return -1;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                                 MAQET_ERROR_INVALID,
                                 "%s is neither a file nor a block device", drive->path);
    state->exists = true;
    maqet_file_id_of_fd(fd, &state->id);
    state->allocated_size = (uint64_t)status.st_blocks * 512;
    if (inspect_by_plugin(drive, fd, state, err) < 0)
        return -1;
    return check_writable(drive, err);
}

/* ---- making one ---- */

/* What is at hand while an image is made: the folder, and the names in it. */
struct making {
    const struct maqet_drive *drive;
    const char *name; /* the image's, within the folder */
    char *folder;     /* where it really is, links resolved */
    int folder_fd;
    int lock_fd;
    char *lock; /* names within the folder */
    char *temporary;
};

static void
making_clear(struct making *making)
{
    free(making->folder);
    free(making->lock);
    free(making->temporary);
    if (making->folder_fd >= 0)
        close(making->folder_fd);
    if (making->lock_fd >= 0)
        close(making->lock_fd);
}

static int
open_folder(struct making *making, struct maqet_error **err)
{
    const struct maqet_drive *drive = making->drive;
    const char *option = drive->storage->plugin.path_option;
    _cleanup_free_ char *folder = folder_of(drive->path);

    making->name = strrchr(drive->path, '/') + 1;
    making->lock = maqet_format(".%s.maqet-lock", making->name);
    making->temporary = maqet_format(".%s.maqet-new", making->name);
    making->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (making->folder_fd < 0) {
        int number = errno;

        maqet_drive_error(drive, option, err,
                          number == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
                          "can't make %s: the folder %s: %s", drive->path, folder,
                          strerror(number));
        if (number == ENOENT)
            maqet_error_hint(err, "Make it: mkdir -p '%s'", folder);
        return -1;
    }
    making->folder = maqet_path_of_fd(making->folder_fd);
    if (!making->folder)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_FAILED,
                                 "can't find out where the folder %s is: %s", folder,
                                 strerror(errno));
    const char *system = maqet_path_system(making->folder, geteuid());
    if (system) {
        maqet_drive_error(
            drive, option, err, MAQET_ERROR_PERMISSION,
            "%s would be made in %s, a folder of the system; that is refused",
            drive->path, system);
        maqet_error_hint(err, "Give a `file` elsewhere, below your home for example");
        return -1;
    }
    return 0;
}

/* No lock file could be made, or the one that is there is somebody else's. */
static int
error_lock(const struct making *making, int number, struct maqet_error **err)
{
    const struct maqet_drive *drive = making->drive;
    const char *option = drive->storage->plugin.path_option;
    enum maqet_error_code code =
        number == EACCES || number == EROFS    ? MAQET_ERROR_PERMISSION
        : number == ENOSPC || number == EDQUOT ? MAQET_ERROR_NO_SPACE
                                               : MAQET_ERROR_FAILED;
    struct stat status;

    if (fstatat(making->folder_fd, making->lock, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return maqet_drive_error(drive, option, err, code,
                                 "can't make %s: no file can be made in %s: %s",
                                 drive->path, making->folder, strerror(number));
    maqet_drive_error(drive, option, err, code,
                      "can't make %s: its lock file %s/%s can't be opened: %s",
                      drive->path, making->folder, making->lock, strerror(number));
    maqet_error_hint(err,
                     "Remove the lock file when nobody is making that image, or give the "
                     "drive another `file`");
    return -1;
}

/*
 * Takes the lock file beside the image. Its last user removes it, so a lock that we got
 * may be on a file that is no longer there: then we begin again.
 */
static int
take_lock(struct making *making, struct maqet_error **err)
{
    for (;;) {
        struct stat ours, there;
        int fd = openat(making->folder_fd, making->lock,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return error_lock(making, errno, err);
        making->lock_fd = fd;
        if (maqet_lock_wait(fd, MAKING_TIMEOUT, making->drive->path, err) < 0)
            return -1;
        if (fstat(fd, &ours) == 0 &&
            fstatat(making->folder_fd, making->lock, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return 0;
        close(fd);
        making->lock_fd = -1;
    }
}

static void
release_lock(struct making *making)
{
    unlinkat(making->folder_fd, making->lock, 0);
    close(making->lock_fd);
    making->lock_fd = -1;
}

static int
call_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
           struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    *at_once = *at_most = 0;
    return maqet_drive_judge(drive, plugin->name, "space",
                             plugin->space(drive, at_once, at_most, err), err);
}

static int
check_space(struct making *making, uint64_t at_once, uint64_t at_most,
            struct maqet_error **err)
{
    const struct maqet_drive *drive = making->drive;
    uint64_t needed = drive->overcommit ? at_once : at_most;
    struct statvfs status;

    /* A file system without blocks (ramfs) doesn't know how much it holds. */
    if (fstatvfs(making->folder_fd, &status) < 0 || status.f_blocks == 0)
        return 0;
    uint64_t available = (uint64_t)status.f_bavail * status.f_frsize;
    if (needed <= available)
        return 0;

    _cleanup_free_ char *required_text = maqet_text_bytes(needed);
    _cleanup_free_ char *available_text = maqet_text_bytes(available);
    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "Insufficient disk space for %s. Required: %s, Available: %s. "
                    "Free up disk space and try again.",
                    drive->path, required_text, available_text);
    if (!drive->overcommit && at_once <= available) {
        _cleanup_free_ char *once = maqet_text_bytes(at_once);
        maqet_error_hint(err,
                         "Or say `overcommit: true` on the drive '%s' of VM '%s', which "
                         "then needs only the %s that the image takes at once",
                         drive->name, drive->machine->vm_name, once);
    }
    return -1;
}

/* Puts the finished file into place, replacing nothing. 1: somebody else was first. */
static int
publish(struct making *making, struct maqet_error **err)
{
    int fd = making->folder_fd;

    if (renameat2(fd, making->temporary, fd, making->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EINVAL || errno == ENOSYS) {
        /* Not every file system has it; every other one has hard links. */
        if (linkat(fd, making->temporary, fd, making->name, 0) == 0) {
            unlinkat(fd, making->temporary, 0);
            return 0;
        }
    }
    if (errno == EEXIST)
        return 1;
    return maqet_drive_error(making->drive, NULL, err, MAQET_ERROR_FAILED,
                             "can't put the new image into place at %s: %s",
                             making->drive->path, strerror(errno));
}

/* Has the plugin make the image at the temporary name, and sees it safe on the disk. */
static int
make_temporary(struct making *making, struct maqet_error **err)
{
    const struct maqet_drive *drive = making->drive;
    _cleanup_free_ char *path = maqet_format("%s/%s", making->folder, making->temporary);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd = openat(making->folder_fd, making->temporary, flags,
                                    drive->default_path ? 0600 : 0666);

    if (fd < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "can't make %s: %s", path, strerror(errno));
    if (drive->storage->plugin.create(drive, path, err) != 0 || (err && *err)) {
        if (err && !*err)
            maqet_error_set(err, MAQET_ERROR_FAILED,
                            "the plugin '%s' failed in create without saying why",
                            drive->storage->plugin.name);
        return maqet_error_wrap(err, "Can't make %s (drive '%s' of VM '%s')", drive->path,
                                drive->name, drive->machine->vm_name);
    }
    /* The plugin may have put another file there; that one has to reach the disk. */
    close(TAKE_FD(fd));
    fd = openat(making->folder_fd, making->temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "can't write %s to the disk: %s", drive->path,
                                 strerror(errno));
    return 0;
}

/* With the lock held and the image missing: makes it. *created: it was us. */
static int
make(struct making *making, bool *created, struct maqet_error **err)
{
    const struct maqet_drive *drive = making->drive;
    uint64_t at_once, at_most;

    if (call_space(drive, &at_once, &at_most, err) < 0 ||
        check_space(making, at_once, at_most, err) < 0)
        return -1;
    _cleanup_free_ char *size = maqet_text_size(at_most);
    maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                      "Creating %s storage file: %s (%s)", drive->storage->plugin.name,
                      drive->path, size);
    if (drive->default_path && maqet_text_starts(drive->path, "/tmp/"))
        maqet_warn(drive,
                   "the system may clean /tmp; set `file`, or `storage_dir` for all "
                   "images without one, to keep them for sure");
    int late = make_temporary(making, err) < 0 ? -1 : publish(making, err);
    if (late != 0)
        unlinkat(making->folder_fd, making->temporary, 0);
    if (late < 0)
        return -1;
    *created = late == 0;
    if (*created)
        maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                          "Successfully created storage file: %s", drive->path);
    return maqet_dir_sync(making->folder_fd, making->folder, err);
}

static int
error_never_made(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *option = drive->storage->plugin.path_option;

    if (drive->media == MAQET_MEDIA_CDROM)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                                 "there is no %s; the image in a CD-ROM drive is never "
                                 "created",
                                 drive->path);
    maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                      "there is no %s; the image of a read-only drive is never created",
                      drive->path);
    maqet_error_hint(err,
                     "Remove `readonly` for the first start, or give an existing file");
    return -1;
}

int
maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;
    uint64_t at_once, at_most;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return -1;
    /* Media that will never be created may still arrive before the machine is started. */
    if (state.exists || !drive->path || maqet_drive_readonly(drive))
        return 0;
    return call_space(drive, &at_once, &at_most, err);
}

/* An earlier maqet that died in the middle of making this image left its temporary file.
 */
static bool
has_leftovers(const struct maqet_drive *drive)
{
    _cleanup_free_ char *folder = folder_of(drive->path);
    const char *name = strrchr(drive->path, '/') + 1;
    _cleanup_free_ char *temporary = maqet_format("%s/.%s.maqet-new", folder, name);

    return access(temporary, F_OK) == 0;
}

/* The image is there after all: what is left over is removed where that is possible. */
static void
remove_leftovers(const struct maqet_drive *drive)
{
    _cleanup_(making_clear) struct making making = {
        .drive = drive, .folder_fd = -1, .lock_fd = -1};

    if (has_leftovers(drive) && open_folder(&making, NULL) == 0 &&
        take_lock(&making, NULL) == 0) {
        unlinkat(making.folder_fd, making.temporary, 0);
        release_lock(&making);
    }
}

int
maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                    bool *created, struct maqet_error **err)
{
    _cleanup_(making_clear) struct making making = {
        .drive = drive, .folder_fd = -1, .lock_fd = -1};

    *created = false;
    if (maqet_image_inspect(drive, state, err) < 0)
        return -1;
    if (!drive->path)
        return 0;
    if (state->exists) {
        remove_leftovers(drive);
        return 0;
    }
    if (maqet_drive_readonly(drive))
        return error_never_made(drive, err);
    if (open_folder(&making, err) < 0 || take_lock(&making, err) < 0)
        return -1;
    /* We hold the lock, so what lies under the temporary name is nobody's. */
    unlinkat(making.folder_fd, making.temporary, 0);
    int result = maqet_image_inspect(drive, state, err);
    if (result == 0 && !state->exists) {
        result = make(&making, created, err);
        if (result == 0)
            result = maqet_image_inspect(drive, state, err);
    }
    release_lock(&making);
    return result;
}
