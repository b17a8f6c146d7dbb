/* SPDX-License-Identifier: MIT */
/*
 * overlay.c - overlays are made with small clusters that are divided further
 * (`extended_l2`), so that a first write to a place costs little (docs/performance.md).
 *
 * What stands below an overlay is found by qemu-img through the names in the images. The
 * core has compared each image with what it recorded of it, and the overlay's own name is
 * compared here, so these lead to the files that are meant.
 */
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/qcow2/header.h"
#include "plugins/qcow2/held.h"

static const char *const inherited[] = {"cache", "aio", "discard", "detect_zeroes", NULL};

static int
error_fault(const struct maqet_drive *drive, const char *fault, struct maqet_error **err)
{
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                             "the overlay %s cannot be read: %s", maqet_drive_path(drive),
                             fault);
}

static struct maqet_command *
command_for(const char *word)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, word);
    maqet_command_word(command, "-q");
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qcow2");
    return command;
}

static void
add_backing(struct maqet_command *command, const char *name, const char *format)
{
    maqet_command_word(command, "-b");
    maqet_command_word(command, name ? name : "");
    if (!name)
        return;
    maqet_command_word(command, "-F");
    maqet_command_word(command, format);
}

static int
create(const struct maqet_drive *drive, const char *path, uint64_t bytes,
       struct maqet_error **err)
{
    struct maqet_command *command = command_for("create");

    /* -u: the backing image need not be opened, since the size is known. */
    maqet_command_word(command, "-u");
    add_backing(command, maqet_drive_backing_name(drive),
                maqet_drive_backing_format(drive));
    maqet_command_word(command, "-o");
    maqet_command_word(command, "extended_l2=on,cluster_size=65536");
    maqet_command_word(command, "--");
    maqet_command_word(command, path);
    maqet_command_arg(command, "%" PRIu64, blockdev_round_up(bytes));
    return maqet_command_run(command, err);
}

static int
read_header(const struct maqet_drive *drive, struct qcow2_header *header,
            struct maqet_error **err)
{
    int fd = open(maqet_drive_path(drive), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *fault;

    if (fd < 0)
        return error_fault(drive, strerror(errno), err);
    int result = qcow2_header_read(fd, header, &fault);
    close(fd);
    return result < 0 ? error_fault(drive, fault, err) : 0;
}

/* Whether the overlay stores one of two names; the second may be NULL: none. */
static int
check_stored(const struct maqet_drive *drive, const char *other, struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    struct qcow2_header header;

    if (read_header(drive, &header, err) < 0)
        return -1;
    if (strcmp(header.backing_file, maqet_drive_backing_name(drive)) == 0 ||
        strcmp(header.backing_file, other ? other : "") == 0)
        return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                             "the overlay %s names the backing file '%s', not '%s'", path,
                             header.backing_file, maqet_drive_backing_name(drive));
}

static int
rename_backing(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = command_for("rebase");

    maqet_command_word(command, "-u");
    add_backing(command, maqet_drive_backing_name(drive),
                maqet_drive_backing_format(drive));
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    return maqet_command_run(command, err);
}

/* qemu-img opens the backing file by the format that the overlay stores. */
static int
check_format(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct qcow2_header header;

    if (read_header(drive, &header, err) < 0)
        return -1;
    if (strcmp(header.backing_format, maqet_drive_backing_format(drive)) == 0)
        return 0;
    return maqet_drive_error(
        drive, NULL, err, MAQET_ERROR_INVALID,
        "the overlay %s says that its backing file has the format '%s', which is '%s'",
        maqet_drive_path(drive), header.backing_format,
        maqet_drive_backing_format(drive));
}

static int
merge_down(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (check_stored(drive, maqet_drive_backing_name(drive), err) < 0 ||
        check_format(drive, err) < 0)
        return -1;
    struct maqet_command *command = maqet_command_new("qemu-img");
    maqet_command_word(command, "commit");
    maqet_command_word(command, "-p");
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qcow2");
    maqet_command_word(command, "-d"); /* the overlay keeps what it holds */
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

/* Fills an image from its backing file. qemu-img stores the new name of that before its tables are on the
 * disk, and if it is killed there, what it has copied is lost: so each write goes to the disk. */
static struct maqet_command *
rebase_command(void)
{
    static const char *const words[] = {"rebase", "-p", "-t", "writethrough"};
    struct maqet_command *command = maqet_command_new("qemu-img");

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        maqet_command_word(command, words[i]);
    return command;
}

/* Of an image with declared backing files. These are opened as the configuration says, whatever the
 * image names; and not for an image that needs them no longer, to which they would add what the guest has
 * discarded. */
static int
merge_declared(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct qcow2_header header;

    if (read_header(drive, &header, err) < 0)
        return -1;
    if (!header.backing_file[0])
        return 0;
    struct maqet_command *command = rebase_command();
    add_backing(command, NULL, NULL);
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static int
merge_up(const struct maqet_drive *drive, const char *name, const char *format,
         struct maqet_error **err)
{
    if (!maqet_drive_backing_node(drive))
        return merge_declared(drive, err);
    if (check_stored(drive, name, err) < 0)
        return -1;
    struct maqet_command *command = rebase_command();
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qcow2");
    add_backing(command, name, format);
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static int
used(const struct maqet_drive *drive, int fd, uint64_t *bytes, struct maqet_error **err)
{
    struct qcow2_header header;
    const char *fault;

    return qcow2_header_read(fd, &header, &fault) < 0 ||
                   qcow2_held_read(fd, &header, bytes, &fault) < 0
               ? error_fault(drive, fault, err)
               : 0;
}

const struct maqet_overlay_table qcow2_overlay_table = {
    .size = sizeof(struct maqet_overlay_table),
    .inherited = inherited,
    .create = create,
    .rename_backing = rename_backing,
    .merge_down = merge_down,
    .merge_up = merge_up,
    .used = used,
};
