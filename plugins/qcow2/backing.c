/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/common/probe.h"
#include "plugins/common/quote.h"
#include "plugins/qcow2/header.h"

static int
error_system(const struct maqet_drive *drive, const char *path, int number,
             struct maqet_error **err)
{
    enum maqet_error_code code = number == ENOENT || number == ENOTDIR
                                     ? MAQET_ERROR_MISSING
                                 : number == EACCES ? MAQET_ERROR_PERMISSION
                                                    : MAQET_ERROR_FAILED;

    return maqet_drive_error(drive, "backing_file", err, code,
                             "cannot read the backing file %s: %s", path,
                             strerror(number));
}

/* Not a pipe, not a folder, and not the overlay itself. */
static int
check_file(const struct maqet_drive *drive, const char *path, int fd,
           struct maqet_error **err)
{
    const char *overlay = maqet_drive_path(drive);
    struct stat base, top;

    if (fstat(fd, &base) < 0)
        return error_system(drive, path, errno, err);
    if (!S_ISREG(base.st_mode) && !S_ISBLK(base.st_mode))
        return maqet_drive_error(
            drive, "backing_file", err, MAQET_ERROR_INVALID,
            "the backing file %s is neither a file nor a block device", path);
    if (overlay && stat(overlay, &top) == 0 && top.st_dev == base.st_dev &&
        top.st_ino == base.st_ino)
        return maqet_drive_error(drive, "backing_file", err, MAQET_ERROR_INVALID,
                                 "the image %s cannot be its own backing file", overlay);
    return 0;
}

/* Whether the overlay is there, and was made on a base of that format. */
static bool
was_made_on(const struct maqet_drive *drive, const char *format)
{
    const char *path = maqet_drive_path(drive);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    struct qcow2_header header;
    const char *fault;

    if (fd < 0)
        return false;
    bool same = qcow2_header_read(fd, &header, &fault) == 0 &&
                strcmp(header.backing_format, format) == 0;
    close(fd);
    return same;
}

/*
 * The user's word on the format must be there, and be true. A base that is said to be
 * raw, and that the overlay was made on as such, is: a guest may have written to it what
 * looks like the beginning of an image, and QEMU is told not to look at that.
 */
static int
check_format(const struct maqet_drive *drive, const char *path, const char *real,
             struct maqet_error **err)
{
    const char *written = maqet_drive_string(drive, "backing_format");
    bool usable = strcmp(real, "qcow2") == 0 || strcmp(real, "raw") == 0;

    if (written && (strcmp(written, real) == 0 ||
                    (strcmp(written, "raw") == 0 && was_made_on(drive, written))))
        return 0;
    if (written)
        maqet_drive_error(drive, "backing_format", err, MAQET_ERROR_INVALID,
                          "the backing file %s is an image of the format '%s', not '%s'",
                          path, real, written);
    else
        maqet_drive_error(
            drive, "backing_file", err, MAQET_ERROR_INVALID,
            "`backing_file` needs `backing_format` beside it: the format is "
            "never guessed, since a guest can fake it");
    if (usable)
        maqet_error_hint(err,
                         "%s looks like '%s'; if you know that it was made as such an "
                         "image, say `backing_format: %s`",
                         path, real, real);
    /* Not where there is one: the command would make it anew, empty. */
    if (written && strcmp(written, "raw") == 0 && maqet_drive_path(drive) &&
        access(maqet_drive_path(drive), F_OK) < 0) {
        char *base = shell_quoted(path), *overlay = shell_quoted(maqet_drive_path(drive));

        if (base && overlay)
            maqet_error_hint(
                err,
                "If its guest has written what looks like that, make the overlay "
                "by hand: qemu-img create -f qcow2 -F raw -b %s %s",
                base, overlay);
        free(base);
        free(overlay);
    } else
        maqet_error_hint(err, "Convert it first: qemu-img convert -f %s -O qcow2 ...",
                         real);
    return -1;
}

/* A base that leads on to further files would have QEMU open what no configuration names.
 */
static int
check_header(const struct maqet_drive *drive, const char *path, int fd,
             uint64_t *virtual_size, struct maqet_error **err)
{
    struct qcow2_header header;
    const char *fault;
    const char *why = NULL;
    const char *name = NULL;

    if (qcow2_header_read(fd, &header, &fault) < 0)
        return maqet_drive_error(drive, "backing_file", err, MAQET_ERROR_INVALID,
                                 "the backing file %s is no valid qcow2 image: %s", path,
                                 fault);
    *virtual_size = header.virtual_size;
    if (header.backing_file[0]) {
        why = "names the backing file";
        name = header.backing_file;
    } else if (qcow2_has_data_file(&header)) {
        why = "names the external data file";
        name = header.data_file;
    } else if (header.crypt_method != QCOW2_CRYPT_NONE) {
        return maqet_drive_error(drive, "backing_file", err, MAQET_ERROR_UNSUPPORTED,
                                 "the backing file %s is encrypted, and there is no key "
                                 "for a base",
                                 path);
    } else if (header.incompatible_features & ~QCOW2_KNOWN_FEATURES) {
        return maqet_drive_error(
            drive, "backing_file", err, MAQET_ERROR_UNSUPPORTED,
            "the backing file %s uses features of qcow2 that are not "
            "known here",
            path);
    }
    if (!why)
        return 0;
    maqet_drive_error(drive, "backing_file", err, MAQET_ERROR_INVALID,
                      "the backing file %s %s '%s' in its turn; it is not opened, since "
                      "such a name can make any file of this host readable in the guest",
                      path, why, name);
    maqet_error_hint(err, "Make a base that stands alone: qemu-img convert -O qcow2 ...");
    return -1;
}

static int
check_open(const struct maqet_drive *drive, const char *path, int fd,
           uint64_t *virtual_size, struct maqet_error **err)
{
    if (check_file(drive, path, fd, err) < 0)
        return -1;
    const char *format = probe_format(fd);
    if (!format)
        return error_system(drive, path, errno, err);
    if (check_format(drive, path, format, err) < 0)
        return -1;
    if (strcmp(maqet_drive_string(drive, "backing_format"), "qcow2") == 0)
        return check_header(drive, path, fd, virtual_size, err);
    return probe_size(fd, virtual_size) < 0 ? error_system(drive, path, errno, err) : 0;
}

int
backing_check(const struct maqet_drive *drive, uint64_t *virtual_size,
              struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, "backing_file");

    *virtual_size = 0;
    if (!path && maqet_drive_has(drive, "backing_format"))
        return maqet_drive_error(drive, "backing_format", err, MAQET_ERROR_INVALID,
                                 "`backing_format` without `backing_file` means nothing");
    if (!path)
        return 0;
    /* O_NONBLOCK: a FIFO must not make us wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_system(drive, path, errno, err);
    int result = check_open(drive, path, fd, virtual_size, err);
    close(fd);
    return result;
}

/* Whether the folders of two absolute paths are the same. */
static bool
share_folder(const char *one, const char *other)
{
    struct stat first, second;
    /* With the slash, for "/". */
    char *a = strndup(one, (size_t)(strrchr(one, '/') - one) + 1);
    char *b = strndup(other, (size_t)(strrchr(other, '/') - other) + 1);
    bool same = a && b && stat(a, &first) == 0 && stat(b, &second) == 0 &&
                first.st_dev == second.st_dev && first.st_ino == second.st_ino;

    free(a);
    free(b);
    return same;
}

const char *
backing_name(const struct maqet_drive *drive)
{
    const char *base = maqet_drive_string(drive, "backing_file");
    const char *overlay = maqet_drive_path(drive);

    /* QEMU would take what stands before a colon for a protocol. */
    if (!base || !overlay || !share_folder(base, overlay) ||
        strchr(strrchr(base, '/'), ':'))
        return base;
    return strrchr(base, '/') + 1;
}

void
backing_emit(const struct maqet_drive *drive, struct maqet_props *node)
{
    const char *path = maqet_drive_string(drive, "backing_file");
    const char *format = maqet_drive_string(drive, "backing_format");

    if (maqet_drive_backing_node(drive)) {
        maqet_props_string(node, "backing", maqet_drive_backing_node(drive));
        return;
    }
    if (!path || !format) {
        maqet_props_string(node, "backing", NULL);
        return;
    }
    maqet_props_string(node, "backing.driver", format);
    maqet_props_bool(node, "backing.read-only", true);
    blockdev_emit_cache(drive, node, BLOCKDEV_LAYER("backing."));
    blockdev_emit_file(drive, node, BLOCKDEV_LAYER("backing.file."), path);
    if (strcmp(format, "qcow2") == 0)
        maqet_props_string(node, "backing.backing", NULL);
}
