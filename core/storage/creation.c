/* SPDX-License-Identifier: MIT */
#include "core/storage/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/lock_holder.h"
#include "core/base/printable.h"
#include "core/base/process.h"
#include "core/base/replacement.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/callback.h"
#include "core/storage/elsewhere.h"
#include "core/storage/emitted.h"
#include "core/storage/system_folders.h"
#include "core/storage/record.h"
#include "core/storage/space.h"

/* ms: another process may be creating a large image with the same name. */
static const int64_t CREATION_TIMEOUT = INT64_C(600) * 1000;

/* ms: a template has some MiB. */
static const int64_t TEMPLATE_TIMEOUT = INT64_C(60) * 1000;

/* An image that is being created: the folder, and the names in it. */
struct creation {
    const struct maqet_drive *drive;
    const char *name; /* the image's, within the folder */
    char *lock;
    char *temporary;
    char *folder; /* links resolved */
    int folder_fd;
    int lock_fd;
    struct maqet_file_id id; /* of the finished file */
};

/* The drive has a path. */
static struct creation
creation_of(const struct maqet_drive *drive)
{
    const char *name = strrchr(drive->path, '/') + 1;

    return (struct creation){
        .drive = drive,
        .name = name,
        .lock = maqet_format(".%s.maqet-lock", name),
        .temporary = maqet_format(".%s.maqet-new", name),
        .folder_fd = -1,
        .lock_fd = -1,
    };
}

static void
creation_clear(struct creation *creation)
{
    free(creation->folder);
    free(creation->lock);
    free(creation->temporary);
    maqet_cleanup_close(&creation->folder_fd);
    maqet_cleanup_close(&creation->lock_fd);
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

static int
open_folder(struct creation *creation, struct maqet_error **err)
{
    const struct maqet_drive *drive = creation->drive;
    const char *option = drive->storage->plugin.path_option;
    _cleanup_free_ char *folder = maqet_path_folder(drive->path);

    creation->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (creation->folder_fd < 0) {
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
    creation->folder = maqet_path_of_fd(creation->folder_fd);
    if (!creation->folder)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_FAILED,
                                 "cannot find out where the folder %s is: %s", folder,
                                 strerror(errno));
    if (in_store(drive->context, creation->folder)) {
        maqet_drive_error(drive, option, err, MAQET_ERROR_PERMISSION,
                          "%s would be created where maqet stores its definitions, "
                          "which are deleted with their VM; this is refused",
                          drive->path);
        maqet_error_hint(err, "Give a `%s` elsewhere", option);
        return -1;
    }
    const char *system = maqet_path_system(creation->folder, geteuid());
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
error_lock(const struct creation *creation, int number, struct maqet_error **err)
{
    const struct maqet_drive *drive = creation->drive;
    const char *option = drive->storage->plugin.path_option;
    enum maqet_error_code code =
        number == EACCES || number == EROFS    ? MAQET_ERROR_PERMISSION
        : number == ENOSPC || number == EDQUOT ? MAQET_ERROR_NO_SPACE
                                               : MAQET_ERROR_FAILED;
    struct stat status;

    if (fstatat(creation->folder_fd, creation->lock, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return maqet_drive_error(drive, option, err, code,
                                 "cannot create %s: no file can be created in %s: %s",
                                 drive->path, creation->folder, strerror(number));
    maqet_drive_error(drive, option, err, code,
                      "cannot create %s: its lock file %s/%s cannot be opened: %s",
                      drive->path, creation->folder, creation->lock, strerror(number));
    maqet_error_hint(err,
                     "Delete the lock file if nobody is creating that image, or give "
                     "the drive another `%s`",
                     option);
    return -1;
}

static void
say_waiting(const struct creation *creation)
{
    _cleanup_free_ char *holder = maqet_lock_holder(creation->lock_fd);

    maqet_context_say(creation->drive->context, MAQET_LEVEL_INFO,
                      "Waiting for %s, which is creating %s (lock: %s/%s)",
                      holder ? holder : "another process", creation->drive->path,
                      creation->folder, creation->lock);
}

/* Locks the lock file beside the image. Its last user removes it, so we begin again if we
 * locked one that no longer has its name. */
static int
take_lock(struct creation *creation, int64_t timeout, struct maqet_error **err)
{
    for (;;) {
        struct stat ours, there;
        int fd = openat(creation->folder_fd, creation->lock,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return error_lock(creation, errno, err);
        creation->lock_fd = fd;
        if (timeout > 0 && maqet_lock_held(fd, NULL) == 1)
            say_waiting(creation);
        if (maqet_lock_wait_named(fd, timeout, creation->drive->path, NULL, err) < 0)
            return -1;
        if (fstat(fd, &ours) == 0 &&
            fstatat(creation->folder_fd, creation->lock, &there, AT_SYMLINK_NOFOLLOW) ==
                0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return 0;
        close(fd);
        creation->lock_fd = -1;
    }
}

static void
release_lock(struct creation *creation)
{
    unlinkat(creation->folder_fd, creation->lock, 0);
    close(creation->lock_fd);
    creation->lock_fd = -1;
}

/* Gives the finished file its name. 1: another file has that name by now. */
static int
publish(struct creation *creation, struct maqet_error **err)
{
    if (maqet_file_publish(creation->folder_fd, creation->temporary, creation->name))
        return 0;
    if (errno == EEXIST)
        return 1;
    return maqet_drive_error(creation->drive, NULL, err, MAQET_ERROR_FAILED,
                             "cannot put the new image into place at %s: %s",
                             creation->drive->path, strerror(errno));
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

/* Copies the content of the drive's template into its new image, which has this path. */
static int
fill_from_template(const struct maqet_drive *drive, const char *path,
                   struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (!drive->template)
        return 0;
    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    const char *driver =
        maqet_json_text(maqet_block_node_find(args, maqet_drive_node(drive)), "driver");
    const char *const argv[] = {"qemu-img",
                                "convert",
                                "-n",
                                "-f",
                                drive->template_format,
                                "-O",
                                driver ? driver : drive->storage->plugin.name,
                                drive->template,
                                path,
                                NULL};
    return maqet_process_run(argv, TEMPLATE_TIMEOUT, NULL, err);
}

/* Has the plugin create the image with the temporary name, syncs it, and records it. */
static int
create_temporary(struct creation *creation, const struct maqet_image_recorder *recorder,
                 struct maqet_error **err)
{
    const struct maqet_drive *drive = creation->drive;
    _cleanup_free_ char *path =
        maqet_format("%s/%s", creation->folder, creation->temporary);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd =
        openat(creation->folder_fd, creation->temporary, flags, 0600);

    if (fd < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot create %s: %s", path, strerror(errno));
    if (maqet_storage_create(drive, path, err) < 0 ||
        fill_from_template(drive, path, err) < 0)
        return maqet_error_wrap(err, "Cannot create %s (drive '%s' of VM '%s')",
                                drive->path, drive->name, drive->machine->vm_name);
    /* The plugin may have put another file there, which is the one to sync. */
    close(TAKE_FD(fd));
    fd = openat(creation->folder_fd, creation->temporary,
                O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && set_mode(drive, fd, err) < 0)
        return -1;
    if (fd < 0 || fsync(fd) < 0 || !maqet_file_id_of_fd(fd, &creation->id))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot write %s to the disk: %s", drive->path,
                                 strerror(errno));
    /* Before the file gets its name: if we are killed in between, no unknown image is
     * left. */
    return recorder ? recorder->record(recorder->data, drive, path, &creation->id, err)
                    : 0;
}

/* Creates a missing image, with the lock held. *created: no other process was faster. */
static int
create(struct creation *creation, const struct maqet_image_recorder *recorder,
       bool *created, struct maqet_error **err)
{
    const struct maqet_drive *drive = creation->drive;
    uint64_t at_once, at_most;

    if (maqet_storage_space(drive, &at_once, &at_most, err) < 0 ||
        maqet_image_check_room(drive, creation->folder, at_once, at_most, err) < 0)
        return -1;
    _cleanup_free_ char *size = maqet_text_size(at_most);
    maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                      "Creating %s storage file: %s (%s)", drive->storage->plugin.name,
                      drive->path, size);
    int late =
        create_temporary(creation, recorder, err) < 0 ? -1 : publish(creation, err);
    if (late != 0)
        unlinkat(creation->folder_fd, creation->temporary, 0);
    if (late < 0)
        return -1;
    *created = late == 0;
    if (*created)
        maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                          "Successfully created storage file: %s", drive->path);
    return maqet_dir_sync(creation->folder_fd, creation->folder, err);
}

/* Without the user's consent only an image that never existed is created, and never one
 * that the guest could only read. */
static int
check_creatable(const struct maqet_drive *drive, struct maqet_error **err)
{
    bool cdrom = drive->media == MAQET_MEDIA_CDROM;

    if (!drive->create_missing && maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    if (!maqet_drive_readonly(drive))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_MISSING,
                      "%s does not exist, and the image of a %s drive is never created",
                      drive->path, cdrom ? "CD-ROM" : "read-only");
    if (!cdrom)
        maqet_error_hint(err, "Remove `%s` for the first start, or give an existing file",
                         drive->storage->plugin.readonly_option);
    return -1;
}

int
maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;
    uint64_t at_once, at_most;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return -1;
    /* What is never created may still be put there before the machine starts. */
    if (state.exists || !drive->path || maqet_drive_readonly(drive))
        return 0;
    return maqet_storage_space(drive, &at_once, &at_most, err);
}

/* Whether a killed maqet has left its temporary file, or at least its lock file, which is
 * empty. */
static bool
has_leftovers(const struct creation *creation)
{
    _cleanup_free_ char *folder = maqet_path_folder(creation->drive->path);
    _cleanup_free_ char *temporary = maqet_format("%s/%s", folder, creation->temporary);
    _cleanup_free_ char *lock = maqet_format("%s/%s", folder, creation->lock);
    struct stat status;

    return access(temporary, F_OK) == 0 ||
           (lstat(lock, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0);
}

/* Whether another process is creating the image. */
static bool
is_being_created(const struct creation *creation)
{
    _cleanup_free_ char *folder = maqet_path_folder(creation->drive->path);
    _cleanup_free_ char *lock = maqet_format("%s/%s", folder, creation->lock);
    _cleanup_close_ int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
}

bool
maqet_image_has_leftovers(const struct maqet_drive *drive)
{
    _cleanup_(creation_clear) struct creation creation = creation_of(drive);

    return has_leftovers(&creation) && !is_being_created(&creation);
}

void
maqet_image_sweep(const struct maqet_drive *drive)
{
    _cleanup_(creation_clear) struct creation creation = creation_of(drive);

    if (has_leftovers(&creation) && open_folder(&creation, NULL) == 0 &&
        take_lock(&creation, 0, NULL) == 0) {
        unlinkat(creation.folder_fd, creation.temporary, 0);
        release_lock(&creation);
    }
}

/* Warns a user who has changed the size, which is only used when an image is created. */
static void
warn_of_size(const struct maqet_drive *drive, const struct maqet_image_state *state)
{
    if (drive->size == 0 || state->virtual_size == 0 ||
        state->virtual_size / 512 == (drive->size + 511) / 512)
        return;
    _cleanup_free_ char *is = maqet_text_size(state->virtual_size);
    _cleanup_free_ char *said = maqet_text_size(drive->size);
    maqet_warn(drive,
               "%s%s has the size %s and not %s; `%s` is used only when an image is "
               "created",
               drive->path ? "the image " : "it", drive->path ? drive->path : "", is,
               said, drive->storage->plugin.size_option);
}

int
maqet_image_precheck(const struct maqet_drive *drive, struct maqet_image_state *state,
                     struct maqet_error **err)
{
    if (!drive->storage->plugin.path_option)
        return maqet_elsewhere_check(drive, state, err);
    if (maqet_image_inspect(drive, state, err) < 0)
        return -1;
    if (state->exists || !drive->path)
        return 0;
    if (check_creatable(drive, err) < 0)
        return -1;
    _cleanup_(creation_clear) struct creation creation = creation_of(drive);
    return open_folder(&creation, err);
}

/* Whether the image still has its name, and is the one that we created, if we did.
 * Whoever can replace it can make QEMU open any file. */
static int
check_created(const struct creation *creation, bool created,
              const struct maqet_image_state *state, struct maqet_error **err)
{
    const struct maqet_drive *drive = creation->drive;

    if (state->exists && (!created || maqet_file_id_equal(&state->id, &creation->id)))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_FAILED,
                      !created ? "%s appeared while it was being created, and is gone "
                                 "again"
                      : state->exists ? "%s, which was just created, was replaced by "
                                        "another file"
                                      : "%s was just created, and is already gone",
                      drive->path);
    maqet_error_hint(err,
                     "Somebody else changes files in %s: give the drive a `%s` in a "
                     "folder that only you can write to",
                     creation->folder, drive->storage->plugin.path_option);
    return -1;
}

/* With the lock held, inspects the image again, and creates it if it is still missing. */
static int
create_missing(struct creation *creation, struct maqet_image_state *state, bool *created,
               const struct maqet_image_recorder *recorder, struct maqet_error **err)
{
    /* We hold the lock, so nobody uses the temporary file. */
    unlinkat(creation->folder_fd, creation->temporary, 0);
    if (maqet_image_inspect(creation->drive, state, err) < 0)
        return -1;
    if (state->exists)
        return 0;
    if (create(creation, recorder, created, err) < 0 ||
        maqet_image_inspect(creation->drive, state, err) < 0)
        return -1;
    return check_created(creation, *created, state, err);
}

int
maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                    bool *created, const struct maqet_image_recorder *recorder,
                    struct maqet_error **err)
{
    *created = false;
    *state = (struct maqet_image_state){0};
    if (!drive->storage->plugin.path_option) {
        if (maqet_elsewhere_prepare(drive, state, created, recorder, err) < 0)
            return -1;
        if (!*created)
            warn_of_size(drive, state);
        return 0;
    }
    if (maqet_image_inspect(drive, state, err) < 0)
        return -1;
    if (!drive->path)
        return 0;
    if (state->exists) {
        maqet_image_sweep(drive);
        warn_of_size(drive, state);
        return 0;
    }
    if (check_creatable(drive, err) < 0)
        return -1;
    _cleanup_(creation_clear) struct creation creation = creation_of(drive);
    if (open_folder(&creation, err) < 0 ||
        take_lock(&creation, CREATION_TIMEOUT, err) < 0)
        return -1;
    int result = create_missing(&creation, state, created, recorder, err);
    release_lock(&creation);
    return result;
}
