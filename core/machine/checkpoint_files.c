/* SPDX-License-Identifier: MIT */
#include "core/machine/checkpoint_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checksum.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/store.h"
#include "core/qemu/migration_writer.h"
#include "core/storage/space.h"

static char *
folder_of(const struct maqet_context *context, const char *vm)
{
    return maqet_store_file(context, vm, MAQET_STORE_CHECKPOINTS);
}

/* The caller frees. */
static char *
path_of(const struct maqet_context *context, const char *vm, const char *name,
        const char *suffix)
{
    _cleanup_free_ char *folder = folder_of(context, vm);

    return maqet_format("%s/%s%s", folder, name, suffix);
}

static char *
temporary_path(const struct maqet_context *context, const char *vm, const char *name)
{
    _cleanup_free_ char *folder = folder_of(context, vm);

    return maqet_format("%s/.%s.state.new", folder, name);
}

static int
sync_folder(const struct maqet_context *context, const char *vm, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", folder);
    return maqet_dir_sync(fd, folder, err);
}

/* What the file takes on the disk, which may be less than its length. It is added as
 * "allocated", which is not stored: a copy may take more, or less. */
static void
add_allocated(json_object *about, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0)
        json_object_object_add(about, "allocated",
                               json_object_new_int64((int64_t)status.st_blocks * 512));
}

int
maqet_state_file_create(const struct maqet_context *context, const char *vm,
                        const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_free_ char *path = temporary_path(context, vm, name);

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    return fd;
}

int
maqet_state_file_publish(const struct maqet_context *context, const char *vm,
                         const char *name, int fd, json_object *about,
                         struct maqet_error **err)
{
    _cleanup_free_ char *temporary = temporary_path(context, vm, name);
    _cleanup_free_ char *state = path_of(context, vm, name, ".state");
    _cleanup_free_ char *description = path_of(context, vm, name, ".json");
    struct stat status;

    if (fsync(fd) < 0 || fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", temporary);
    _cleanup_free_ char *checksum = maqet_fd_checksum(fd, temporary, UINT64_MAX, err);
    if (!checksum)
        return -1;
    json_object_object_add(about, "size", json_object_new_int64(status.st_size));
    json_object_object_add(about, "checksum", json_object_new_string(checksum));
    if (rename(temporary, state) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", state);
    if (maqet_json_write(description, about, err) < 0)
        return -1;
    add_allocated(about, state);
    return 0;
}

/* Says what is wrong with the file, and what can be done without it. Returns -1. */
static int
error_damaged(const char *vm, const char *name, struct maqet_error **err)
{
    maqet_error_remark(err, "The guest's memory is lost");
    maqet_error_next(err, MAQET_NEXT_LOAD_DRIVES, vm, name, NULL);
    maqet_error_next(err, MAQET_NEXT_DELETE_CHECKPOINT, vm, name, NULL);
    return -1;
}

/* Whether it is as it was written. */
static int
verify(int fd, const char *path, const char *vm, const char *name, json_object *about,
       char **verified, struct maqet_error **err)
{
    _cleanup_free_ char *mark = maqet_file_mark(path);
    const char *recorded = maqet_json_text(about, "checksum");
    struct stat status;

    if (fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    if (status.st_size != maqet_json_int(about, "size")) {
        maqet_error_set(
            err, MAQET_ERROR_FAILED, "%s is damaged: it has %lld bytes instead of %lld",
            path, (long long)status.st_size, (long long)maqet_json_int(about, "size"));
        return error_damaged(vm, name, err);
    }
    if (recorded && !(mark && *verified && strcmp(mark, *verified) == 0)) {
        _cleanup_free_ char *present = maqet_fd_checksum(fd, path, UINT64_MAX, err);

        if (!present)
            return -1;
        if (strcmp(present, recorded) != 0) {
            maqet_error_set(err, MAQET_ERROR_FAILED,
                            "%s is damaged: its checksum is %s instead of %s", path,
                            present, recorded);
            return error_damaged(vm, name, err);
        }
    }
    free(*verified);
    *verified = TAKE_PTR(mark);
    return 0;
}

int
maqet_state_file_open(const struct maqet_context *context, const char *vm,
                      const char *name, json_object *about, char **verified,
                      struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".state");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        bool gone = errno == ENOENT;

        maqet_error_errno(err, errno, "Cannot read %s", path);
        /* What can't be opened now may be as good as ever. */
        return gone ? error_damaged(vm, name, err) : -1;
    }
    if (verify(fd, path, vm, name, about, verified, err) < 0)
        return -1;
    const char *compression = maqet_json_text(about, "compression");
    if (!compression)
        return TAKE_FD(fd);
    if (strcmp(compression, "zstd") == 0)
        return maqet_writer_unpack(fd, err);
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "%s is compressed with %s, which this version of maqet "
                           "does not support",
                           path, compression);
}

/* What was being written when a maqet was killed. */
static void
remove_temporary(const char *folder, const char *name)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *prefix = maqet_format(".%s.json.", name);

    if (maqet_dir_list(folder, &files, NULL) < 0)
        return;
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, files.items[i]);

        if (maqet_text_starts(files.items[i], prefix))
            unlink(path);
    }
}

int
maqet_state_file_remove(const struct maqet_context *context, const char *vm,
                        const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    /* What makes it a checkpoint goes first. */
    char *paths[] = {path_of(context, vm, name, ".json"),
                     path_of(context, vm, name, ".state"),
                     temporary_path(context, vm, name)};
    int result = 0;

    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        if (result == 0 && unlink(paths[i]) < 0 && errno != ENOENT)
            result = maqet_error_errno(err, errno, "Cannot delete %s", paths[i]);
        free(paths[i]);
    }
    remove_temporary(folder, name);
    if (result == 0 && access(folder, F_OK) == 0)
        result = sync_folder(context, vm, err);
    return result;
}

bool
maqet_state_file_exists(const struct maqet_context *context, const char *vm,
                        const char *name)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".json");

    return !strchr(name, '/') && !maqet_file_missing(path);
}

int
maqet_state_file_list(const struct maqet_context *context, const char *vm,
                      struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    static const char suffix[] = ".json";

    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        size_t length = strlen(files.items[i]);

        if (files.items[i][0] == '.' || length <= strlen(suffix) ||
            strcmp(files.items[i] + length - strlen(suffix), suffix) != 0)
            continue;
        maqet_strings_take(names, maqet_strndup(files.items[i], length - strlen(suffix)));
    }
    return 0;
}

static int
error_missing(const struct maqet_context *context, const char *vm, const char *name,
              struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no checkpoint '%s' of VM '%s'",
                    name, vm);
    if (maqet_state_file_list(context, vm, &names, NULL) < 0)
        return -1;
    const char *closest = maqet_text_closest(name, &names);
    _cleanup_free_ char *list = maqet_strings_list(&names);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'? There are: %s", closest, list);
    else
        maqet_error_hint(err, "There are: %s", list);
    return -1;
}

json_object *
maqet_state_file_about(const struct maqet_context *context, const char *vm,
                       const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".json");

    if (strchr(name, '/') || maqet_file_missing(path)) {
        error_missing(context, vm, name, err);
        return NULL;
    }
    json_object *about = maqet_json_read(path, err);
    if (json_object_is_type(about, json_type_object)) {
        _cleanup_free_ char *state = path_of(context, vm, name, ".state");
        add_allocated(about, state);
        return about;
    }
    if (!about)
        return NULL;
    json_object_put(about);
    maqet_error_set(err, MAQET_ERROR_FAILED, "%s is damaged", path);
    maqet_error_next(err, MAQET_NEXT_LOAD_DRIVES, vm, name, NULL);
    return NULL;
}

bool
maqet_state_file_space(const struct maqet_context *context, const char *vm,
                       uint64_t *available)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, ".");

    return maqet_space_available(path, available);
}
