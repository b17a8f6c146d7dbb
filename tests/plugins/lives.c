/* SPDX-License-Identifier: MIT */
/*
 * lives.c - storage plugins without a path option that write down when they are called. Built
 * with EACH_START, it is "each", whose disk is created for each start in the drive's folder;
 * without, it is "once", whose disk is created once in a folder that the user names.
 *
 * A word in the file `faults` makes the callback of that name fail; with "rival", somebody
 * else creates the disk when create is called; with "service", inspect finds none to ask.
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
#include <sys/stat.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "log",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the file in which calls are written down"},
    {.name = "faults",
     .type = MAQET_OPTION_PATH,
     .help = "the file with what is to fail"},
#ifndef EACH_START
    {.name = "place",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the folder in which the disk is"},
#endif
    {.name = "number", .type = MAQET_OPTION_INT, .help = "which of the place's disks"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "size"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = NULL},
};

/* ---- what is written down, and what fails ---- */

static void
append(const struct maqet_drive *drive, const char *callback)
{
    int fd = open(maqet_drive_string(drive, "log"),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char *line;
    int length = asprintf(&line, "%s %s\n", maqet_drive_name(drive), callback);

    if (fd < 0 || length < 0 || write(fd, line, (size_t)length) != length)
        abort();
    free(line);
    close(fd);
}

static bool
is_fault(const struct maqet_drive *drive, const char *callback)
{
    const char *path = maqet_drive_string(drive, "faults");
    FILE *file = path ? fopen(path, "re") : NULL;
    char word[32];
    bool found = false;

    while (file && !found && fscanf(file, "%31s", word) == 1)
        found = strcmp(word, callback) == 0;
    if (file)
        fclose(file);
    return found;
}

static int
note(const struct maqet_drive *drive, const char *callback, struct maqet_error **err)
{
    append(drive, callback);
    return is_fault(drive, callback)
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "%s was told to fail", callback)
               : 0;
}

static int
lives_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    return note(drive, "validate", err);
}

/* ---- the disk ---- */

/* The caller frees. */
static char *
disk(const struct maqet_drive *drive)
{
    char *path;
#ifdef EACH_START
    const char *folder = maqet_drive_folder(drive);
#else
    const char *folder = maqet_drive_string(drive, "place");
#endif

    if (asprintf(&path, "%s/disk", folder) < 0)
        abort();
    return path;
}

static int
lives_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    char *file = disk(drive);
    int fd, result;

    if (path)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "there is a path: %s", path);
    else
        result = note(drive, "create", err);
    if (result == 0 && is_fault(drive, "rival"))
        close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    fd = result < 0 ? -1 : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (result == 0 && fd < 0)
        result = maqet_error_set(
            err, errno == EEXIST ? MAQET_ERROR_EXISTS : MAQET_ERROR_FAILED,
            "cannot create %s: %m", file);
    else if (result == 0 && ftruncate(fd, (off_t)maqet_drive_size(drive, "size")) < 0)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "cannot enlarge it: %m");
    if (fd >= 0)
        close(fd);
    if (result == 0)
        append(drive, "created");
    free(file);
    return result;
}

static int
lives_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    char *file = disk(drive);

    if (maqet_drive_handle(drive))
        append(drive, "emit_args-with-a-handle");
    if (note(drive, "emit_args", err) < 0) {
        free(file);
        return -1;
    }
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", file);
    free(file);
    return 0;
}

/* ---- what is opened for a command ---- */

static int
lives_open(const struct maqet_drive *drive, void **handle, struct maqet_error **err)
{
    if (note(drive, "open", err) < 0)
        return -1;
    *handle = strdup("opened");
    return 0;
}

static void
lives_close(const struct maqet_drive *drive, void *handle)
{
    append(drive, strcmp(handle, "opened") == 0 ? "close" : "close-of-another");
    free(handle);
}

/* ---- the end ---- */

static int
lives_ended(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *file = disk(drive);

    if (!maqet_drive_handle(drive))
        append(drive, "ended-without-a-handle");
#ifdef EACH_START
    append(drive, access(file, F_OK) == 0 ? "there" : "gone");
#endif
    free(file);
    if (note(drive, "ended", err) < 0)
        return -1;
    append(drive, "finished");
    return 0;
}

#ifndef EACH_START
static int
lives_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    char *file = disk(drive);
    struct stat status;
    int result = note(drive, "inspect", err);

    if (!maqet_drive_handle(drive))
        append(drive, "inspect-without-a-handle");
    if (result == 0 && fd != -1)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "there is a descriptor");
    else if (result == 0 && is_fault(drive, "service"))
        result =
            maqet_drive_error(drive, "place", err, MAQET_ERROR_MISSING, "no service");
    else if (result == 0 && stat(file, &status) < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;

        result = maqet_drive_error(drive, "place", err,
                                   missing ? MAQET_ERROR_MISSING : MAQET_ERROR_FAILED,
                                   "%s: %m", file);
        if (missing)
            maqet_image_missing(image);
    } else if (result == 0)
        maqet_image_virtual_size(image, (uint64_t)status.st_size);
    free(file);
    return result;
}

/* The lines of PLACE/users. */
static int
lives_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
              struct maqet_error **err)
{
    char *path, line[64];
    FILE *list;

    if (note(drive, "holders", err) < 0)
        return -1;
    if (asprintf(&path, "%s/users", maqet_drive_string(drive, "place")) < 0)
        abort();
    list = fopen(path, "re");
    while (list && fscanf(list, "%63s", line) == 1)
        maqet_holders_add(holders, line, NULL);
    if (list)
        fclose(list);
    free(path);
    return 0;
}

static int
lives_remove(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *file = disk(drive);
    int result = note(drive, "remove", err);

    if (result == 0 && unlink(file) < 0 && errno != ENOENT)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "cannot delete it: %m");
    free(file);
    return result;
}
#endif

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .summary = "disks that are created by their plugin, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK,
    .format = "raw",
    .interface = "virtio",
    .size_option = "size",
    .readonly_option = "readonly",
#ifdef EACH_START
    .name = "each",
    .creation = MAQET_CREATION_EACH_START,
#else
    .name = "once",
    .creation = MAQET_CREATION_ONCE,
#ifndef NO_INSPECT
    .inspect = lives_inspect,
#endif
    .holders = lives_holders,
    .remove = lives_remove,
#endif
    .validate = lives_validate,
    .open = lives_open,
    .close = lives_close,
    .create = lives_create,
    .emit_args = lives_emit_args,
    .ended = lives_ended,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
