/* SPDX-License-Identifier: MIT */
/*
 * served.c - a storage plugin whose images are opened by qemu-nbd, which runs beside QEMU:
 * with a path option and a helper. It has snapshots and can be resized, while QEMU does not
 * run.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <string.h>
#include <unistd.h>

static const char *const formats[] = {"raw", "qcow2", NULL};

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .help = "size that the guest sees"},
    {.name = "format",
     .type = MAQET_OPTION_CHOICE,
     .choices = formats,
     .fallback = "qcow2",
     .help = "format of the image"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = NULL},
};

static int
served_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
             struct maqet_error **err)
{
    if (!maqet_drive_size(drive, "size"))
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "a new image needs a size");
    *at_once = 1 << 20;
    *at_most = *at_once + maqet_drive_size(drive, "size");
    return 0;
}

static int
served_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, "create");
    maqet_command_word(command, "-q");
    maqet_command_word(command, "-f");
    maqet_command_word(command, maqet_drive_string(drive, "format"));
    maqet_command_word(command, "--");
    maqet_command_word(command, path);
    maqet_command_arg(command, "%llu",
                      (unsigned long long)maqet_drive_size(drive, "size"));
    return maqet_command_run(command, err);
}

static uint64_t
number(const unsigned char *bytes, size_t count)
{
    uint64_t result = 0;

    while (count--)
        result = result << 8 | *bytes++;
    return result;
}

static int
served_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    unsigned char header[32];

    if (strcmp(maqet_drive_string(drive, "format"), "raw") == 0) {
        maqet_image_virtual_size(image, (uint64_t)lseek(fd, 0, SEEK_END));
        return 0;
    }
    if (pread(fd, header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header, "QFI\xfb", 4) != 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "it is no qcow2 image");
    maqet_image_virtual_size(image, number(header + 24, 8));
    return 0;
}

/* It starts with QEMU, and has the image locked from then on. */
static struct maqet_command *
served_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    (void)err;
    maqet_command_word(command, "--persistent");
    maqet_command_word(command, "--format");
    maqet_command_word(command, maqet_drive_string(drive, "format"));
    if (maqet_drive_readonly(drive))
        maqet_command_word(command, "--read-only");
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    return command;
}

static int
served_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "nbd");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "server.type", "unix");
    maqet_props_string(node, "server.path", maqet_drive_socket(drive));
    return 0;
}

/* ---- while QEMU does not run ---- */

static int
emit_image(const struct maqet_drive *drive, struct maqet_args *args, void *data,
           struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)data, (void)err;
    maqet_props_string(node, "driver", maqet_drive_string(drive, "format"));
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return 0;
}

/* "qemu-img FIRST SECOND THIRD IMAGE LAST"; NULL: there is no such word. */
static int
run(const struct maqet_drive *drive, const char *const words[3], const char *last,
    struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    for (int i = 0; i < 3 && words[i]; i++)
        maqet_command_word(command, words[i]);
    if (maqet_command_node(command, drive, emit_image, NULL, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    if (last)
        maqet_command_word(command, last);
    return maqet_command_run(command, err);
}

static int
served_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    char text[24], *digit = text + sizeof(text) - 1;

    *digit = '\0';
    for (; bytes > 0; bytes /= 10)
        *--digit = (char)('0' + bytes % 10);
    return run(drive, (const char *[3]){"resize", "-q"}, digit, err);
}

static int
served_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
             struct maqet_check_report *report, struct maqet_error **err)
{
    (void)report;
    if (depth == MAQET_CHECK_QUICK ||
        strcmp(maqet_drive_string(drive, "format"), "raw") == 0)
        return 0;
    return run(drive, (const char *[3]){"check", "-q"}, NULL, err);
}

static int
snapshot_create(const struct maqet_drive *drive, const char *name,
                struct maqet_error **err)
{
    return run(drive, (const char *[3]){"snapshot", "-c", name}, NULL, err);
}

static int
snapshot_load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              struct maqet_error **err)
{
    return run(drive, (const char *[3]){"snapshot", "-a", maqet_snapshot_id(snapshot)},
               NULL, err);
}

static int
snapshot_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    return run(drive, (const char *[3]){"snapshot", "-d", maqet_snapshot_name(snapshot)},
               NULL, err);
}

/* The table of qcow2's documentation. */
static int
snapshot_list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
              struct maqet_error **err)
{
    unsigned char header[72], entry[40];

    if (pread(fd, header, sizeof(header), 0) != sizeof(header))
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "the image cannot be read");
    off_t at = (off_t)number(header + 64, 8);
    for (uint64_t left = number(header + 60, 4); left > 0; left--) {
        char id[256] = "", name[256] = "";

        if (pread(fd, entry, sizeof(entry), at) != sizeof(entry))
            break;
        size_t id_size = number(entry + 12, 2), name_size = number(entry + 14, 2);
        size_t extra = number(entry + 36, 4);
        off_t texts = at + (off_t)sizeof(entry) + (off_t)extra;
        if (id_size >= sizeof(id) || name_size >= sizeof(name) ||
            pread(fd, id, id_size, texts) != (ssize_t)id_size ||
            pread(fd, name, name_size, texts + (off_t)id_size) != (ssize_t)name_size)
            break;
        struct maqet_snapshot *snapshot = maqet_snapshots_add(snapshots, id, name);
        maqet_snapshot_date(snapshot, (int64_t)number(entry + 16, 4),
                            (uint32_t)number(entry + 20, 4));
        at += (off_t)((sizeof(entry) + extra + id_size + name_size + 7) & ~UINT64_C(7));
    }
    return 0;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = snapshot_create,
    .load = snapshot_load,
    .remove = snapshot_remove,
    .list = snapshot_list,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "served",
    .format = "qcow2",
    .summary = "images that qemu-nbd serves, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = served_space,
    .create = served_create,
    .inspect = served_inspect,
    .helper = served_helper,
    .resize = served_resize,
    .emit_args = served_emit_args,
    .check = served_check,
    .snapshot = &snapshots,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
