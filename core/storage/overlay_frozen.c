/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_frozen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"

/* Sets or removes the permission to write to a file. *mode gets what it was. */
static int
set_writable(const char *path, bool writable, uint32_t *mode, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot open %s: %m", path);
    if (!S_ISREG(status.st_mode))
        return 0;
    uint32_t now = status.st_mode & 07777;
    uint32_t wanted = writable ? (*mode ? *mode : now | 0200) : now & ~UINT32_C(0222);
    if (!writable && now & 0222)
        *mode = now;
    if (now != wanted && fchmod(fd, wanted) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "Cannot change the permissions of %s: %m", path);
    return 0;
}

int
maqet_overlay_freeze(struct maqet_overlay *node, struct maqet_error **err)
{
    if (!node->file.file)
        return 0;
    if (set_writable(node->file.file, false, &node->mode, err) < 0)
        return -1;
    return maqet_node_read(&node->file)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot read %s: %m",
                                 node->file.file);
}

int
maqet_overlay_thaw(struct maqet_overlay *node, struct maqet_error **err)
{
    free(TAKE_PTR(node->file.checksum));
    return node->file.file ? set_writable(node->file.file, true, &node->mode, err) : 0;
}

void
maqet_overlay_protect(struct maqet_overlay *node)
{
    set_writable(node->file.file, false, &node->mode, NULL);
}

char *
maqet_overlay_change(const struct maqet_overlay *node)
{
    _cleanup_(maqet_node_clear) struct maqet_node now = {
        .file = maqet_strdup(node->file.file)};

    if (!node->file.checksum)
        return NULL;
    return maqet_node_read(&now) ? maqet_node_compare(&node->file, &now)
                                 : maqet_format("cannot be read: %s", strerror(errno));
}

static int
check_node(const struct maqet_overlay *node, struct maqet_error **err)
{
    _cleanup_(maqet_node_clear) struct maqet_node now = {
        .file = maqet_strdup(node->file.file)};

    if (!node->file.checksum)
        return 0; /* it was written to until a moment ago */
    if (!maqet_node_read(&now))
        return maqet_error_set(
            err, errno == ENOENT ? MAQET_ERROR_MISSING : MAQET_ERROR_FAILED,
            "cannot read %s, on which other images stand: %m", now.file);
    _cleanup_free_ char *change = maqet_node_compare(&node->file, &now);
    if (!change)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "%s, on which other images stand, %s; the guest would see damaged "
                    "data",
                    now.file, change);
    maqet_error_hint(err, "Restore %s from a backup of that time", now.file);
    return -1;
}

/* Of node 0 without a file: whether the definition still names the storage that overlays were put
 * on. */
static int
check_place(const struct maqet_overlays *overlays, struct maqet_error **err)
{
    const char *then = maqet_overlays_node(overlays, 0)->place;

    if (overlays->image || !then || strcmp(then, overlays->place) == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "the definition names other storage than that on which the overlays "
                    "in %s were created: it was %s, and is %s now; the guest would see "
                    "damaged data",
                    overlays->folder, then, overlays->place);
    maqet_error_hint(err, "Name the former storage again");
    return -1;
}

int
maqet_overlays_check(const struct maqet_overlays *overlays, uint64_t id,
                     struct maqet_error **err)
{
    for (;; id = maqet_overlays_node(overlays, id)->parent) {
        if (check_node(maqet_overlays_node(overlays, id), err) < 0)
            return -1;
        if (id == 0)
            return check_place(overlays, err);
    }
}

int
maqet_overlays_accept(const struct maqet_overlays *overlays, struct maqet_error **err)
{
    for (size_t i = 0; i < overlays->count; i++) {
        struct maqet_overlay *node = &overlays->nodes[i];

        if (node->id == overlays->top || !node->file.file ||
            (maqet_file_missing(node->file.file) &&
             !maqet_overlays_stands_on(overlays, overlays->top, node->id)))
            continue;
        if (maqet_overlay_freeze(node, err) < 0)
            return -1;
    }
    return maqet_overlays_write(overlays, err);
}
