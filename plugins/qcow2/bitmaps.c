/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/bitmaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/qcow2/bytes.h"
#include "plugins/qcow2/header.h"

enum {
    BITMAPS_MAX = 65535,         /* QEMU's limit (block/qcow2-bitmap.c) */
    DIRECTORY_MAX = 1024 * 1024, /* bytes; many more than ours need */
    ENTRY_LENGTH = 24,           /* of the part that every entry begins with */
};

static const char prefix[] = "maqet-";

/* The names of bitmaps. */
struct names {
    char **items;
    size_t count;
    uint32_t others; /* bitmaps that are not ours */
};

static void
names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static int
add_name(struct names *names, const uint8_t *text, size_t length, const char **fault)
{
    if (length < strlen(prefix) || memcmp(text, prefix, strlen(prefix)) != 0) {
        names->others++;
        return 0;
    }
    char **items = realloc(names->items, (names->count + 1) * sizeof(*items));
    if (!items)
        return qcow2_fail(fault, strerror(ENOMEM));
    names->items = items;
    names->items[names->count] = strndup((const char *)text, length);
    if (!names->items[names->count])
        return qcow2_fail(fault, strerror(ENOMEM));
    names->count++;
    return 0;
}

/* The entries: the offset and size of a table, flags, type, granularity, the sizes of the name
 * and of further data, and these; padded to a multiple of 8 bytes. */
static int
read_entries(const uint8_t *directory, size_t size, uint32_t count, struct names *names,
             const char **fault)
{
    size_t offset = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (size - offset < ENTRY_LENGTH)
            return qcow2_fail(fault, "its directory of bitmaps is cut off");
        size_t name = qcow2_be16(directory + offset + 18);
        size_t extra = qcow2_be32(directory + offset + 20);
        size_t left = size - offset - ENTRY_LENGTH;
        if (extra > left || name > left - extra)
            return qcow2_fail(fault, "its directory of bitmaps is cut off");
        if (add_name(names, directory + offset + ENTRY_LENGTH + extra, name, fault) < 0)
            return -1;
        size_t length = qcow2_round_up(ENTRY_LENGTH + extra + name, 8);
        offset += length < size - offset ? length : size - offset;
    }
    return 0;
}

static int
read_names(int fd, struct qcow2_header *header, struct names *names, const char **fault)
{
    if (qcow2_header_read(fd, header, fault) < 0)
        return -1;
    if (header->bitmap_count == 0)
        return 0;
    if (header->bitmap_count > BITMAPS_MAX || header->bitmaps_size > DIRECTORY_MAX)
        return qcow2_fail(fault, "its directory of bitmaps is too large");
    size_t size = (size_t)header->bitmaps_size;
    uint8_t *directory = malloc(size + 1);
    if (!directory)
        return qcow2_fail(fault, strerror(ENOMEM));
    int result = qcow2_read(fd, directory, size, header->bitmaps_offset, fault) < 0
                     ? -1
                     : read_entries(directory, size, header->bitmap_count, names, fault);
    free(directory);
    return result;
}

static int
look(const struct maqet_drive *drive, struct qcow2_header *header, struct names *names,
     struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *fault = fd < 0 ? strerror(errno) : NULL;
    int result = fd < 0 ? -1 : read_names(fd, header, names, &fault);

    if (fd >= 0)
        close(fd);
    return result < 0
               ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                   "the bitmaps in %s cannot be read: %s", path, fault)
               : 0;
}

static int
remove_one(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "bitmap");
    maqet_command_arg(command, "--remove");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_arg(command, "%s", name);
    return maqet_command_run(command, err);
}

static int
remove_all(const struct maqet_drive *drive, const struct names *names,
           struct maqet_error **err)
{
    for (size_t i = 0; i < names->count; i++)
        if (remove_one(drive, names->items[i], err) < 0)
            return -1;
    return 0;
}

int
bitmaps_remove_ours(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct qcow2_header header = {0};
    struct names names = {0};
    int result =
        look(drive, &header, &names, err) < 0 ? -1 : remove_all(drive, &names, err);

    names_clear(&names);
    return result;
}

int
bitmaps_make_repairable(const struct maqet_drive *drive, bool *safe,
                        struct maqet_error **err)
{
    struct qcow2_header header = {0};
    struct names names = {0};
    /* What has no header that can be read is for qemu-img to judge. */
    int found = look(drive, &header, &names, NULL);
    int result =
        found == 0 && header.snapshot_count > 0 ? remove_all(drive, &names, err) : 0;

    *safe = header.snapshot_count == 0 || header.bitmap_count == 0 ||
            (found == 0 && names.others == 0);
    names_clear(&names);
    return result;
}

int
bitmaps_error(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);

    maqet_drive_error(
        drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
        "the image %s has bitmaps of another program, and its snapshots would "
        "be lost if it was repaired",
        path);
    maqet_error_hint(
        err, "Remove the bitmaps first: qemu-img bitmap --remove -f qcow2 '%s' NAME",
        path);
    return -1;
}
