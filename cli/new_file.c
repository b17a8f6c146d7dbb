/* SPDX-License-Identifier: MIT */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/machine/store.h"

enum { TEXT_MAX = 1 << 20, FILE_MODE = 0644 };

/* The path of the copy; the caller frees. */
static char *
copy_of(const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);

    return maqet_format("%s/.%s.maqet-new", folder, strrchr(path, '/') + 1);
}

/* ---- what a killed maqet has left ---- */

/* Whether the copy, whose first line is the VM's name, is of a VM that was not added. */
static bool
is_of_no_vm(const struct maqet_context *context, const char *copy, size_t length)
{
    _cleanup_free_ char *name = maqet_strndup(copy, length);
    _cleanup_free_ char *found = maqet_store_resolve(context, name, NULL);

    return !found;
}

static void
delete_left(const struct new_file *file, const struct maqet_context *context)
{
    _cleanup_free_ char *copy = NULL, *text = NULL;

    if (maqet_file_read(file->copy, TEXT_MAX, &copy, NULL, NULL) < 0 ||
        maqet_file_read(file->path, TEXT_MAX, &text, NULL, NULL) < 0)
        return;
    size_t length = strcspn(copy, "\n");
    if (copy[length] && strcmp(copy + length + 1, text) == 0 &&
        is_of_no_vm(context, copy, length))
        unlink(file->path);
}

int
new_file_claim(struct new_file *file, const struct maqet_context *context,
               const char *path, const char *name, struct maqet_error **err)
{
    *file =
        (struct new_file){.path = path, .name = name, .copy = copy_of(path), .fd = -1};
    for (;;) {
        _cleanup_close_ int fd =
            open(file->copy, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return maqet_error_errno(err, errno, "Cannot write %s", path);
        /* Where files cannot be locked, what was left stays. */
        int locked = maqet_lock_try(fd, NULL);
        if (locked == 0)
            return maqet_error_set(err, MAQET_ERROR_EXISTS,
                                   "Another maqet process is creating %s", path);
        if (!maqet_fd_is_at(fd, file->copy))
            continue;
        file->fd = TAKE_FD(fd);
        if (locked > 0)
            delete_left(file, context);
        return 0;
    }
}

/* ---- writing ---- */

int
new_file_write(struct new_file *file, const char *text, struct maqet_error **err)
{
    _cleanup_free_ char *copy = maqet_format("%s\n%s", file->name, text);

    if (ftruncate(file->fd, 0) < 0 || lseek(file->fd, 0, SEEK_SET) < 0 ||
        maqet_fd_write(file->fd, copy, strlen(copy)) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", file->path);
    if (maqet_file_create(file->path, text, strlen(text), FILE_MODE, err) < 0)
        return -1;
    file->written = true;
    return 0;
}

void
new_file_unwrite(struct new_file *file)
{
    if (file->written)
        unlink(file->path);
    file->written = false;
}

void
new_file_release(struct new_file *file)
{
    if (file->fd >= 0) {
        unlink(file->copy);
        close(TAKE_FD(file->fd));
    }
    free(TAKE_PTR(file->copy));
}
