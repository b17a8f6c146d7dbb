/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/qcow2/backing.h"
#include "plugins/qcow2/encryption.h"
#include "plugins/qcow2/view.h"

char *
node_secret_id(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *id;

    if (asprintf(&id, "%s-key", maqet_drive_node(drive)) >= 0)
        return id;
    maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
    return NULL;
}

int
node_emit_format(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_props *node, struct maqet_error **err)
{
    backing_emit(drive, node);
    if (!encryption_wanted(drive))
        return 0;
    char *secret = node_secret_id(drive, err);
    if (!secret)
        return -1;
    /* QEMU reads the secret from the file itself; it is in no command line. */
    maqet_props_string(maqet_args_object(args, "secret", secret), "file",
                       maqet_drive_string(drive, "encryption.key_file"));
    maqet_props_string(node, "encrypt.format",
                       maqet_drive_string(drive, "encryption.format"));
    maqet_props_string(node, "encrypt.key-secret", secret);
    free(secret);
    return 0;
}

/*
 * The node of a snapshot: as that of the image, but the image's bytes are seen through
 * the view @data. A QEMU that runs has the image locked. It is read all the same
 * (force-share), which is safe as view.h tells. Without that, QEMU's lock keeps writers
 * away; with it, maqet's own commands find the reader by its lock on one byte.
 */
static int
emit_snapshot(const struct maqet_drive *drive, struct maqet_args *args, void *data,
              struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    maqet_props_string(node, "driver", "qcow2");
    maqet_props_bool(node, "read-only", true);
    maqet_props_string(node, "file.driver", "qcow2");
    maqet_props_bool(node, "file.read-only", true);
    maqet_props_string(node, "file.file.driver", "file");
    maqet_props_string(node, "file.file.filename", data);
    maqet_props_string(node, "file.backing.driver", "raw");
    maqet_props_bool(node, "file.backing.read-only", true);
    if (maqet_drive_running(drive))
        maqet_props_bool(node, "file.backing.force-share", true);
    blockdev_emit_file(drive, node, BLOCKDEV_LAYER("file.backing.file."),
                       maqet_drive_path(drive));
    return node_emit_format(drive, args, node, err);
}

static int
read_view(const struct maqet_drive *drive, const char *id, struct qcow2_view *view,
          struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    const char *fault;
    /* O_NONBLOCK: a FIFO must not make us wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", path, strerror(errno));
    int result = qcow2_view_read(fd, id, view, &fault);
    close(fd);
    return result < 0
               ? maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                   "the snapshot in %s cannot be read: %s", path, fault)
               : 0;
}

int
node_add_snapshot(const struct maqet_drive *drive, const char *id,
                  struct maqet_command *command, uint64_t *size, struct maqet_error **err)
{
    struct qcow2_view view;

    if (read_view(drive, id, &view, err) < 0)
        return -1;
    *size = view.virtual_size;
    const char *path = maqet_command_file(command, view.bytes, view.length, err);
    qcow2_view_clear(&view);
    return path ? maqet_command_node(command, drive, emit_snapshot, (char *)path, err)
                : -1;
}
