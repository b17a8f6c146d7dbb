/* SPDX-License-Identifier: MIT */
/*
 * elsewhere.c - a storage plugin without a path option: its service is a folder, which
 * holds qcow2 images under names that are no paths to maqet, and beside each image two
 * lists of those who use it: IMAGE.users, and IMAGE.late of those who come when QEMU has
 * it open. Beside QEMU a shell does what the words of the test say, if there are any.
 */
/* It is also built without the configuration of the tree, when an ABI is frozen. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "image",
     .type = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED,
     .help = "its name in the service"},
    {.name = "service",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the folder that is the service"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "16M", .help = "size"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "words", .type = MAQET_OPTION_STRING, .help = "what a shell does"},
    {.name = NULL},
};

/* The caller frees. */
static char *
place(const struct maqet_drive *drive, const char *suffix)
{
    char *path;

    if (asprintf(&path, "%s/%s%s", maqet_drive_string(drive, "service"),
                 maqet_drive_string(drive, "image"), suffix) < 0)
        abort();
    return path;
}

static bool
is_there(const struct maqet_drive *drive)
{
    char *path = place(drive, "");
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

static int
error_missing(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_drive_error(drive, "image", err, MAQET_ERROR_MISSING,
                             "the service has no image '%s'",
                             maqet_drive_string(drive, "image"));
}

/* ---- making and looking ---- */

static int
elsewhere_create(const struct maqet_drive *drive, const char *path,
                 struct maqet_error **err)
{
    char *image = place(drive, "");
    struct maqet_command *command = maqet_command_new("qemu-img");
    int result;

    if (path) {
        maqet_command_free(command);
        free(image);
        return maqet_error_set(err, MAQET_ERROR_FAILED, "there is a path: %s", path);
    }
    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "qcow2");
    maqet_command_arg(command, "%s", image);
    maqet_command_arg(command, "%llu",
                      (unsigned long long)maqet_drive_size(drive, "size"));
    result = maqet_command_run(command, err);
    free(image);
    return result;
}

/* The virtual size stands in bytes 24 to 31 of the header (QEMU: docs/interop/qcow2). */
static int
elsewhere_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                  struct maqet_error **err)
{
    unsigned char header[32];
    uint64_t size = 0;
    char *path;
    int file;

    if (fd != -1)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "there is a descriptor");
    if (!is_there(drive)) {
        maqet_image_missing(image);
        return error_missing(drive, err);
    }
    path = place(drive, "");
    file = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (file < 0 || read(file, header, sizeof(header)) != sizeof(header)) {
        if (file >= 0)
            close(file);
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot read it");
    }
    close(file);
    for (size_t i = 24; i < sizeof(header); i++)
        size = size << 8 | header[i];
    maqet_image_format(image, "elsewhere");
    maqet_image_virtual_size(image, size);
    return 0;
}

/* QEMU locks single bytes of its image, the hundredth and the following. */
static bool
is_open(const struct maqet_drive *drive)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 200};
    char *path = place(drive, "");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool open =
        file >= 0 && fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    free(path);
    if (file >= 0)
        close(file);
    return open;
}

static void
add_users(const struct maqet_drive *drive, const char *suffix,
          struct maqet_holders *holders)
{
    char *path = place(drive, suffix), *line = NULL;
    FILE *list = fopen(path, "re");
    size_t room = 0;

    for (ssize_t length; list && (length = getline(&line, &room, list)) > 0;) {
        line[length - 1] = '\0';
        maqet_holders_add(holders, line, "Ask the service who that is");
    }
    if (list)
        fclose(list);
    free(line);
    free(path);
}

static int
elsewhere_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
                  struct maqet_error **err)
{
    (void)err;
    if (!is_there(drive))
        return 0;
    add_users(drive, ".users", holders);
    if (is_open(drive)) {
        maqet_holders_add(holders, "a QEMU", NULL);
        add_users(drive, ".late", holders);
    }
    return 0;
}

static struct maqet_command *
elsewhere_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *words = maqet_drive_string(drive, "words");
    struct maqet_command *command = words ? maqet_command_new("sh") : NULL;

    (void)err;
    if (!command)
        return NULL;
    maqet_command_arg(command, "-c");
    maqet_command_arg(command, "%s", words);
    return command;
}

/* ---- size ---- */

/* "qemu-img WORDS... IMAGE"; the words are ended by NULL. */
static struct maqet_command *
qemu_img(const struct maqet_drive *drive, const char *const *words,
         struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    for (; *words; words++)
        maqet_command_arg(command, "%s", *words);
    if (maqet_command_image(command, drive, err) == 0)
        return command;
    maqet_command_free(command);
    return NULL;
}

static int
run_qemu_img(const struct maqet_drive *drive, const char *const *words,
             struct maqet_error **err)
{
    struct maqet_command *command = qemu_img(drive, words, err);

    return command ? maqet_command_run(command, err) : -1;
}

static int
elsewhere_resize(const struct maqet_drive *drive, uint64_t bytes,
                 struct maqet_error **err)
{
    static const char *const words[] = {"resize", "-q", NULL};
    struct maqet_command *command = qemu_img(drive, words, err);

    if (!command)
        return -1;
    maqet_command_arg(command, "%llu", (unsigned long long)bytes);
    return maqet_command_run(command, err);
}

static int
elsewhere_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                      struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", (int64_t)bytes);
    return 0;
}

static int
elsewhere_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                    struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    char *path = place(drive, "");

    (void)err;
    maqet_props_string(node, "driver", "qcow2");
    if (maqet_drive_readonly(drive))
        maqet_props_bool(node, "read-only", true);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", path);
    free(path);
    return 0;
}

/* ---- snapshots ---- */

static int
snapshot_create(const struct maqet_drive *drive, const char *name,
                struct maqet_error **err)
{
    const char *const words[] = {"snapshot", "-q", "-c", name, NULL};

    return run_qemu_img(drive, words, err);
}

static int
snapshot_load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              struct maqet_error **err)
{
    const char *const words[] = {"snapshot", "-q", "-a", maqet_snapshot_id(snapshot),
                                 NULL};

    return run_qemu_img(drive, words, err);
}

static int
snapshot_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    const char *const words[] = {"snapshot", "-q", "-d", maqet_snapshot_name(snapshot),
                                 NULL};

    return run_qemu_img(drive, words, err);
}

/* "ID TAG ..." after two lines of headings; all of the same day, which QEMU doesn't say.
 */
static int
snapshot_list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
              struct maqet_error **err)
{
    static const char *const words[] = {"snapshot", "-U", "-l", NULL};
    struct maqet_command *command = fd == -1 ? qemu_img(drive, words, err) : NULL;
    char *output = command ? maqet_command_output(command, NULL, err) : NULL;
    char id[16], name[160];

    if (!output)
        return fd == -1 ? -1 : maqet_error_set(err, MAQET_ERROR_FAILED, "a descriptor");
    for (char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%15[0-9] %159s", id, name) == 2)
            maqet_snapshot_date(maqet_snapshots_add(snapshots, id, name), 1000000000, 0);
    }
    maqet_free(output);
    return 0;
}

static int
snapshot_live_create(const struct maqet_drive *drive, const char *name,
                     struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "name", name);
    return 0;
}

static int
snapshot_live_remove(const struct maqet_drive *drive,
                     const struct maqet_snapshot *snapshot, struct maqet_actions *actions,
                     struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-delete-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "id", maqet_snapshot_id(snapshot));
    return 0;
}

static int
snapshot_write_out(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                   const char *path, const char *format, bool compress,
                   struct maqet_error **err)
{
    const char *const words[] = {"convert",
                                 "-O",
                                 format,
                                 "-l",
                                 maqet_snapshot_name(snapshot),
                                 compress ? "-c" : NULL,
                                 NULL};
    struct maqet_command *command = qemu_img(drive, words, err);

    if (!command)
        return -1;
    maqet_command_arg(command, "%s", path);
    return maqet_command_run(command, err);
}

static struct maqet_command *
snapshot_serve(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
               const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    maqet_command_arg(command, "--read-only");
    maqet_command_arg(command, "--persistent");
    maqet_command_arg(command, "--socket=%s", socket);
    maqet_command_arg(command, "--load-snapshot");
    maqet_command_option(command, "snapshot.id", maqet_snapshot_id(snapshot));
    if (maqet_command_image(command, drive, err) == 0)
        return command;
    maqet_command_free(command);
    return NULL;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = snapshot_create,
    .load = snapshot_load,
    .remove = snapshot_remove,
    .list = snapshot_list,
    .live_create = snapshot_live_create,
    .live_remove = snapshot_live_remove,
    .write_out = snapshot_write_out,
    .serve = snapshot_serve,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "elsewhere",
    .summary = "images of a service that is a folder, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .create = elsewhere_create,
    .inspect = elsewhere_inspect,
    .holders = elsewhere_holders,
    .helper = elsewhere_helper,
    .resize = elsewhere_resize,
    .live_resize = elsewhere_live_resize,
    .emit_args = elsewhere_emit_args,
    .snapshot = &snapshots,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
