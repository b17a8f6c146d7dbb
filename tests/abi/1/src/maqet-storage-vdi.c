/* SPDX-License-Identifier: MIT */
/*
 * vdi.c - VirtualBox's disk images: an example of a storage plugin that is built outside
 * of maqet's tree. It includes maqet-plugin.h and links to nothing.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The parts of a VDI header that matter here; all numbers are little-endian. */
enum { MAGIC_AT = 64, DISK_SIZE_AT = 368, HEADER_BYTES = 512 };

/* An image is a header, a map with 4 bytes for each block, and the blocks. */
static const uint64_t block_bytes = 1024 * 1024;
/* QEMU's limit: the map has less than 2 GiB. */
#define SIZE_MAX_BYTES (INT64_C(0x1fffff80) * 1024 * 1024)

static const struct maqet_option options[] = {
    {.name = "file",
     .type = MAQET_OPTION_PATH,
     .help = "the image, made when it is missing"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 1024 * 1024,
     .maximum = SIZE_MAX_BYTES,
     .help = "size that the guest sees, such as 20G; used when the image is made"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "the guest may only read, and the image is never made"},
    {.name = NULL},
};

static int
vdi_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
          struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");
    uint64_t blocks = (size + block_bytes - 1) / block_bytes;

    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "%s is not there yet, and making it needs a `size`",
                                 maqet_drive_path(drive));
    *at_once = HEADER_BYTES + 4 * blocks;
    *at_most = size;
    return 0;
}

/* @path is a temporary name: maqet puts the finished image into its place. */
static int
vdi_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "vdi");
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    maqet_command_arg(command, "%llu",
                      (unsigned long long)maqet_drive_size(drive, "size"));
    return maqet_command_run(command, err);
}

/*
 * An image that somebody else made may hold anything, so this only looks. A VDI image
 * names no other file; a format that does reports it by maqet_image_names_file().
 */
static int
vdi_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
            struct maqet_error **err)
{
    static const unsigned char magic[] = {0x7f, 0x10, 0xda, 0xbe};
    unsigned char header[HEADER_BYTES];
    ssize_t got = pread(fd, header, sizeof(header), 0);
    uint64_t size = 0;

    if (got < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", maqet_drive_path(drive),
                                 strerror(errno));
    if ((size_t)got < sizeof(header) ||
        memcmp(header + MAGIC_AT, magic, sizeof(magic)) != 0) {
        maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID, "%s is no VDI image",
                          maqet_drive_path(drive));
        maqet_error_hint(err, "Give another file, or convert this one: qemu-img convert "
                              "-O vdi");
        return -1;
    }
    for (int i = 7; i >= 0; i--)
        size = size << 8 | header[DISK_SIZE_AT + i];
    maqet_image_format(image, "vdi");
    maqet_image_virtual_size(image, size);
    return 0;
}

/* The node has the drive's name: by that the interface plugin attaches it. */
static int
vdi_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
              struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "vdi");
    if (maqet_drive_readonly(drive))
        maqet_props_bool(node, "read-only", true);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "vdi",
    .summary = "VirtualBox disk images",
    .options = options,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = vdi_space,
    .create = vdi_create,
    .inspect = vdi_inspect,
    .emit_args = vdi_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
