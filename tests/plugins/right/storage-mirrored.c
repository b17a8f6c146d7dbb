/* SPDX-License-Identifier: MIT */
/*
 * storage-mirrored.c - a list of paths, and a secret: the guest writes to several files at
 * once, which are made once in the drive's own folder, and QEMU gets the secret by the path
 * of its file.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = 1 << 20, COPIES_MAX = 8 };

static const struct maqet_option options[] = {
    {.name = "copies",
     .type = MAQET_OPTION_LIST,
     .items = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED,
     .help = "the names of the copies"},
    {.name = "password",
     .type = MAQET_OPTION_SECRET,
     .help = "the file with the password"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "whether the guest may only read"},
    {.name = NULL},
};

static const char *
copy_name(const struct maqet_drive *drive, size_t index)
{
    char option[32];

    snprintf(option, sizeof(option), "copies.%zu", index);
    return maqet_drive_string(drive, option);
}

static void
path_of(const struct maqet_drive *drive, size_t index, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", maqet_drive_folder(drive), copy_name(drive, index));
}

static int
mirrored_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    size_t count = maqet_drive_count(drive, "copies");

    if (count == 0 || count > COPIES_MAX)
        return maqet_drive_error(drive, "copies", err, MAQET_ERROR_INVALID,
                                 "there are 1 to %d copies", (int)COPIES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = copy_name(drive, i);

        if (!*name || strlen(name) > 64 ||
            name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
            return maqet_drive_error(drive, "copies", err, MAQET_ERROR_INVALID,
                                     "a copy's name has letters, digits and hyphens");
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, copy_name(drive, j)) == 0)
                return maqet_drive_error(drive, "copies", err, MAQET_ERROR_INVALID,
                                         "two copies have the same name");
    }
    return 0;
}

static int
mirrored_create(const struct maqet_drive *drive, const char *unused,
                struct maqet_error **err)
{
    (void)unused;
    for (size_t i = 0; i < maqet_drive_count(drive, "copies"); i++) {
        char path[PATH_MAX];

        path_of(drive, i, path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST)
            continue;
        int made = fd < 0 ? -1 : ftruncate(fd, BYTES);
        if (made < 0)
            maqet_drive_error(drive, "copies", err, MAQET_ERROR_FAILED,
                              "cannot make %s: %m", path);
        if (fd >= 0)
            close(fd);
        if (made < 0)
            return -1;
    }
    return 0;
}

static int
mirrored_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                 struct maqet_error **err)
{
    (void)fd;
    for (size_t i = 0; i < maqet_drive_count(drive, "copies"); i++) {
        char path[PATH_MAX];
        struct stat status;

        path_of(drive, i, path);
        if (stat(path, &status) < 0) {
            if (errno == ENOENT)
                maqet_image_missing(image);
            return maqet_drive_error(drive, "copies", err, MAQET_ERROR_FAILED,
                                     "cannot look at %s: %m", path);
        }
    }
    maqet_image_format(image, "quorum");
    maqet_image_virtual_size(image, BYTES);
    return 0;
}

static int
mirrored_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                   struct maqet_error **err)
{
    size_t count = maqet_drive_count(drive, "copies");
    bool readonly = maqet_drive_readonly(drive);

    (void)err;
    if (maqet_drive_has(drive, "password")) {
        char id[256];

        snprintf(id, sizeof(id), "%s-password", maqet_drive_name(drive));
        struct maqet_props *secret = maqet_args_object(args, "secret", id);
        maqet_props_string(secret, "file", maqet_drive_string(drive, "password"));
    }
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "quorum");
    maqet_props_int(node, "vote-threshold", 1);
    maqet_props_bool(node, "read-only", readonly);
    for (size_t i = 0; i < count; i++) {
        char key[64], path[PATH_MAX];

        path_of(drive, i, path);
        snprintf(key, sizeof(key), "children.%zu.driver", i);
        maqet_props_string(node, key, "file");
        snprintf(key, sizeof(key), "children.%zu.filename", i);
        maqet_props_string(node, key, path);
        snprintf(key, sizeof(key), "children.%zu.read-only", i);
        maqet_props_bool(node, key, readonly);
    }
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "copies of a disk in several files",
    .options = options,
    .format = "quorum",
    .interface = "virtio",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = mirrored_validate,
    .create = mirrored_create,
    .inspect = mirrored_inspect,
    .emit_args = mirrored_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
