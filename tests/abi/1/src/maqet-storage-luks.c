/* SPDX-License-Identifier: MIT */
/*
 * luks.c - raw disks that are encrypted with LUKS, by QEMU and by nothing else of the
 * host. The key is in a file. QEMU and qemu-img read it there themselves (a `secret`
 * object), so it is in no command line.
 */
#define _GNU_SOURCE /* asprintf */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The header that every LUKS image begins with (LUKS on-disk format, version 1). */
static const unsigned char magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};

/* What QEMU's header and key slots take before the first byte of the disk. */
static const uint64_t header_bytes = 2 * 1024 * 1024;

/* See luks_create(). */
enum { TRIES = 5 };

static const char *const discards[] = {"unmap", "ignore", NULL};

static const struct maqet_option options[] = {
    {.name = "file",
     .type = MAQET_OPTION_PATH,
     .help = "the image, made when it is missing"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = INT64_MAX,
     .help = "size that the guest sees, such as 20G; used when the image is made"},
    {.name = "key_file",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the file with the key, to the last byte"},
    {.name = "iter_time",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 60000,
     .help = "ms that trying one key takes; used when the image is made"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "the guest may only read, and the image is never made"},
    {.name = "discard",
     .type = MAQET_OPTION_CHOICE,
     .choices = discards,
     .fallback = "unmap",
     .help = "whether what the guest discards is discarded in the image; what is empty "
             "can then be told from outside"},
    {.name = NULL},
};

static int
luks_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *key = maqet_drive_string(drive, "key_file");
    struct stat status;

    if (stat(key, &status) < 0)
        return maqet_drive_error(drive, "key_file", err, MAQET_ERROR_MISSING,
                                 "cannot inspect the key file %s: %s", key,
                                 strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return maqet_drive_error(drive, "key_file", err, MAQET_ERROR_INVALID,
                                 "%s is no file with a key in it", key);
    if (access(key, R_OK) < 0)
        return maqet_drive_error(drive, "key_file", err, MAQET_ERROR_PERMISSION,
                                 "you may not read the key file %s", key);
    if (status.st_mode & (S_IRGRP | S_IROTH))
        maqet_warn(drive, "the key file %s can be read by other users: chmod 600 '%s'",
                   key, key);
    return 0;
}

static int
luks_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
           struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "%s is not there yet, and making it needs a `size`",
                                 maqet_drive_path(drive));
    *at_once = header_bytes;
    *at_most = header_bytes + size;
    return 0;
}

static struct maqet_command *
create_command(const struct maqet_drive *drive, const char *path)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "luks");
    maqet_command_arg(command, "--object");
    maqet_command_option(command, "secret,id=key,file",
                         maqet_drive_string(drive, "key_file"));
    maqet_command_arg(command, "-o");
    if (maqet_drive_has(drive, "iter_time"))
        maqet_command_arg(command, "key-secret=key,iter-time=%d",
                          (int)maqet_drive_int(drive, "iter_time"));
    else
        maqet_command_arg(command, "key-secret=key");
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    maqet_command_arg(
        command, "%llu",
        (unsigned long long)((maqet_drive_size(drive, "size") + 511) & ~UINT64_C(511)));
    return command;
}

/*
 * qemu-img measures how costly it can make the key, and the one of QEMU 7.2 gives up now
 * and then, when the CPU clock did not tick meanwhile; only that is worth another
 * attempt.
 */
static int
luks_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    struct maqet_error *unwanted = NULL;
    struct maqet_error **at = err ? err : &unwanted;

    for (int i = 0; i < TRIES; i++) {
        maqet_error_clear(at);
        if (maqet_command_run(create_command(drive, path), at) == 0)
            return 0;
        if (!strstr(maqet_error_text(*at), "Unable to get accurate CPU usage"))
            break;
    }
    maqet_error_clear(&unwanted);
    return -1;
}

/* The header says where the disk begins, in sectors, as a big-endian number at byte 104.
 */
static int
luks_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
             struct maqet_error **err)
{
    unsigned char header[112];
    ssize_t got = pread(fd, header, sizeof(header), 0);
    off_t end = lseek(fd, 0, SEEK_END);
    uint64_t start = 0;

    if (got < 0 || end < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", maqet_drive_path(drive),
                                 strerror(errno));
    if ((size_t)got < sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "%s is no LUKS image", maqet_drive_path(drive));
    if (header[6] != 0 || header[7] != 1)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_UNSUPPORTED,
                                 "%s has version %d of LUKS, and QEMU knows only 1",
                                 maqet_drive_path(drive), header[6] << 8 | header[7]);
    for (int i = 104; i < 108; i++)
        start = start << 8 | header[i];
    maqet_image_format(image, "luks");
    if ((uint64_t)end / 512 >= start)
        maqet_image_virtual_size(image, (uint64_t)end - start * 512);
    return 0;
}

static char *
secret_id(const struct maqet_drive *drive)
{
    char *id;

    if (asprintf(&id, "%s-key", maqet_drive_node(drive)) < 0)
        abort();
    return id;
}

static int
luks_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
               struct maqet_error **err)
{
    char *id = secret_id(drive);

    (void)err;
    maqet_props_string(maqet_args_object(args, "secret", id), "file",
                       maqet_drive_string(drive, "key_file"));
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "luks");
    maqet_props_string(node, "key-secret", id);
    free(id);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    if (maqet_drive_readonly(drive)) {
        maqet_props_bool(node, "read-only", true);
    } else {
        maqet_props_string(node, "discard", maqet_drive_string(drive, "discard"));
        maqet_props_string(node, "file.discard", maqet_drive_string(drive, "discard"));
    }
    return 0;
}

static int
luks_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "resize");
    maqet_command_arg(command, "-q");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_arg(command, "%llu",
                      (unsigned long long)((bytes + 511) & ~UINT64_C(511)));
    return maqet_command_run(command, err);
}

static int
luks_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                 struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", (int64_t)((bytes + 511) & ~UINT64_C(511)));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "luks",
    .summary = "raw disks that QEMU encrypts with LUKS",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = luks_validate,
    .space = luks_space,
    .create = luks_create,
    .inspect = luks_inspect,
    .resize = luks_resize,
    .live_resize = luks_live_resize,
    .emit_args = luks_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
