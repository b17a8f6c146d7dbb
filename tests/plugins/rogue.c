/* SPDX-License-Identifier: MIT */
/*
 * rogue.c - a storage plugin, or with -DIFACE an interface, that breaks the rules in one
 * callback: the drive's `storage_act` or `iface_act`, or the variable MAQET_ROGUE, is "HOW
 * CALLBACK". There it may also be what runs when the plugin is loaded.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef IFACE
#define OPTION "iface_act"
#else
#define OPTION "storage_act"
#endif

static void
block_all_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void
act(const char *how, const char *path)
{
    volatile unsigned turns = 0;
    char byte;

    if (strcmp(how, "exit") == 0)
        exit(0);
    if (strcmp(how, "_exit") == 0)
        _exit(0);
    if (strcmp(how, "_Exit") == 0)
        _Exit(0);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "read") == 0) /* of a FIFO to which nobody writes */
        while (read(open(path, O_RDONLY | O_CLOEXEC), &byte, 1) >= 0)
            continue;
    if (strcmp(how, "loop") == 0) {
        block_all_signals();
        while (true)
            turns++;
    }
    if (strcmp(how, "leak") == 0) /* not closed on exec */
        dup2(open(path, O_RDONLY), 77);
    if (strcmp(how, "open-to-all") == 0)
        chmod(path, 0666);
}

/* @word is "HOW CALLBACK". Whether it is this callback. */
static bool
is_in(const char *word, const char *callback, char *how, size_t size)
{
    const char *space = word ? strchr(word, ' ') : NULL;

    if (!space || strcmp(space + 1, callback) != 0)
        return false;
    snprintf(how, size, "%.*s", (int)(space - word), word);
    return true;
}

/* Whether it is to report a quarter of a gigabyte in this callback, as FLOOD_COUNT texts. */
enum { FLOOD_COUNT = 256, FLOOD_SIZE = 1024 * 1024 };

static bool
floods(const struct maqet_drive *drive, const char *callback)
{
    char how[32];

    return (is_in(maqet_drive_string(drive, OPTION), callback, how, sizeof(how)) ||
            is_in(getenv("MAQET_ROGUE"), callback, how, sizeof(how))) &&
           strcmp(how, "flood") == 0;
}

/* One of these texts. */
static const char *
flood(int number)
{
    static char text[FLOOD_SIZE];

    memset(text, 'x', sizeof(text) - 1);
    snprintf(text, 16, "/x%06d", number);
    text[8] = 'x';
    return text;
}

/* @path: the file that it is about. */
static void
act_in(const struct maqet_drive *drive, const char *callback, const char *path)
{
    char how[32];

    if (!is_in(maqet_drive_string(drive, OPTION), callback, how, sizeof(how)) &&
        !is_in(getenv("MAQET_ROGUE"), callback, how, sizeof(how)))
        return;
    maqet_debug(drive, "%s in %s", how, callback);
    if (strcmp(how, "open-folder") == 0)
        chmod(maqet_drive_folder(drive), 0777);
    act(how, path ? path : getenv("MAQET_ROGUE_FILE"));
}

#ifndef IFACE
static void
act_in_load(const char *moment)
{
    char how[32];

    if (is_in(getenv("MAQET_ROGUE"), moment, how, sizeof(how)))
        act(how, getenv("MAQET_ROGUE_FILE"));
}

static void __attribute__((__constructor__)) construct(void)
{
    act_in_load("constructor");
}

static void __attribute__((__destructor__)) destruct(void)
{
    act_in_load("destructor");
}
#endif

static const struct maqet_option options[] = {
#ifndef IFACE
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "virtual size"},
#endif
    {.name = OPTION, .type = MAQET_OPTION_STRING, .help = "HOW CALLBACK"},
    {.name = NULL},
};

static int
rogue_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    act_in(drive, "validate", NULL);
    if (!floods(drive, "validate"))
        return 0;
    maqet_warn(drive, "%s", flood(0));
    for (int i = 0; i < FLOOD_COUNT / 8; i++)
        maqet_error_wrap(err, "%s", flood(i));
    maqet_error_set(err, MAQET_ERROR_INVALID, "%s", flood(1));
    for (int i = 0; i < FLOOD_COUNT / 8; i++) {
        maqet_error_hint(err, "%s", flood(i));
        maqet_error_wrap(err, "%s", flood(i));
    }
    return -1;
}

#ifdef IFACE

static int
rogue_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
               struct maqet_error **err)
{
    (void)err;
    act_in(drive, "capacity", NULL);
    maqet_capacity_controllers(capacity, 4, 1);
    return 0;
}

static int
rogue_emit_controller(const struct maqet_drive *drive, const char *id,
                      struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    act_in(drive, "emit_controller", NULL);
    maqet_args_device(args, "virtio-scsi-pci", id);
    return 0;
}

static int
rogue_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                  struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *device =
        maqet_args_device(args, "scsi-hd", maqet_drive_name(drive));
    char bus[64];

    (void)err;
    act_in(drive, "emit_device", NULL);
    snprintf(bus, sizeof(bus), "%s.0", maqet_slot_controller(slot));
    maqet_props_string(device, "bus", bus);
    maqet_props_string(device, "drive", maqet_drive_node(drive));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "rogue",
    .summary = "an interface that breaks the rules",
    .options = options,
    .validate = rogue_validate,
    .capacity = rogue_capacity,
    .emit_controller = rogue_emit_controller,
    .emit_device = rogue_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)

#else

static int
rogue_open(const struct maqet_drive *drive, void **handle, struct maqet_error **err)
{
    (void)err;
    act_in(drive, "open", NULL);
    *handle = (void *)options;
    return 0;
}

static void
rogue_close(const struct maqet_drive *drive, void *handle)
{
    (void)handle;
    act_in(drive, "close", NULL);
}

static int
rogue_ended(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)err;
    act_in(drive, "ended", NULL);
    return 0;
}

static int
rogue_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
            struct maqet_error **err)
{
    (void)err;
    act_in(drive, "space", NULL);
    *at_once = *at_most = maqet_drive_size(drive, "size");
    return 0;
}

static int
rogue_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    if (maqet_run(err, "qemu-img", "create", "-q", "-f", "raw", path, "1M",
                  (const char *)NULL) < 0)
        return -1;
    act_in(drive, "create", path);
    return 0;
}

static int
rogue_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    struct stat status;

    act_in(drive, "inspect", maqet_drive_path(drive));
    if (fstat(fd, &status) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "fstat: %m");
    for (int i = 0; i < FLOOD_COUNT && floods(drive, "inspect"); i++)
        maqet_image_file(image, flood(i));
    maqet_image_format(image, "rogue");
    maqet_image_virtual_size(image, (uint64_t)status.st_size);
    return 0;
}

static int
rogue_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    if (truncate(maqet_drive_path(drive), (off_t)bytes) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "truncate: %m");
    act_in(drive, "resize", maqet_drive_path(drive));
    if (floods(drive, "resize"))
        return maqet_command_output(maqet_command_new("yes"), NULL, err) ? 0 : -1;
    return 0;
}

static int
rogue_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    act_in(drive, "emit_args", NULL);
    for (int i = 0; i < FLOOD_COUNT && floods(drive, "emit_args"); i++)
        maqet_props_string(maqet_args_object(args, "secret", "rogue"), flood(i),
                           flood(i));
    maqet_props_string(node, "driver", "raw");
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return 0;
}

static int
rogue_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
            struct maqet_check_report *report, struct maqet_error **err)
{
    (void)err;
    for (int i = 0; i < FLOOD_COUNT && floods(drive, "check"); i++)
        maqet_check_damage(report, flood(i), "%s", flood(i));
    if (depth != MAQET_CHECK_QUICK)
        act_in(drive, "check", maqet_drive_path(drive));
    return 0;
}

static struct maqet_command *
rogue_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("sleep");

    (void)err;
    act_in(drive, "helper", NULL);
    for (int i = 0; i < FLOOD_COUNT / 16 && floods(drive, "helper"); i++)
        maqet_command_word(command, flood(i));
    maqet_command_word(command, "100000");
    return command;
}

/* Its snapshots are copies beside the image. */
static int
copy_of(const struct maqet_drive *drive, const char *name, const char *how,
        struct maqet_error **err)
{
    char path[4096];
    const char *from = maqet_drive_path(drive), *to = path;

    snprintf(path, sizeof(path), "%s.%s", from, name);
    if (strcmp(how, "load") == 0) {
        to = from;
        from = path;
    }
    return strcmp(how, "remove") == 0
               ? unlink(path)
               : maqet_run(err, "cp", from, to, (const char *)NULL);
}

static int
rogue_snapshot_create(const struct maqet_drive *drive, const char *name,
                      struct maqet_error **err)
{
    int result = copy_of(drive, name, "create", err);

    act_in(drive, "snapshot.create", maqet_drive_path(drive));
    return result;
}

static int
rogue_snapshot_load(const struct maqet_drive *drive,
                    const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    int result = copy_of(drive, maqet_snapshot_name(snapshot), "load", err);

    act_in(drive, "snapshot.load", maqet_drive_path(drive));
    return result;
}

static int
rogue_snapshot_remove(const struct maqet_drive *drive,
                      const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    int result = copy_of(drive, maqet_snapshot_name(snapshot), "remove", err);

    act_in(drive, "snapshot.remove", maqet_drive_path(drive));
    return result;
}

static int
rogue_snapshot_list(const struct maqet_drive *drive, int fd,
                    struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    char path[4096];

    (void)fd;
    (void)err;
    act_in(drive, "snapshot.list", maqet_drive_path(drive));
    for (int i = 0; i < FLOOD_COUNT && floods(drive, "snapshot.list"); i++)
        maqet_snapshot_used(maqet_snapshots_add(snapshots, flood(i), flood(i)), 1);
    snprintf(path, sizeof(path), "%s.one", maqet_drive_path(drive));
    if (access(path, F_OK) == 0)
        maqet_snapshots_add(snapshots, "one", "one");
    return 0;
}

static int
rogue_write_out(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                const char *path, const char *format, bool compress,
                struct maqet_error **err)
{
    (void)snapshot;
    (void)format;
    (void)compress;
    int result = maqet_run(err, "qemu-img", "create", "-q", "-f", "raw", path, "1M",
                           (const char *)NULL);
    act_in(drive, "snapshot.write_out", path);
    return result;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = rogue_snapshot_create,
    .load = rogue_snapshot_load,
    .remove = rogue_snapshot_remove,
    .list = rogue_snapshot_list,
    .write_out = rogue_write_out,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "rogue",
    .summary = "a storage that breaks the rules",
    .options = options,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .creation = MAQET_CREATION_ONCE,
    .open = rogue_open,
    .close = rogue_close,
    .ended = rogue_ended,
    .validate = rogue_validate,
    .space = rogue_space,
    .create = rogue_create,
    .inspect = rogue_inspect,
    .resize = rogue_resize,
    .emit_args = rogue_emit_args,
    .check = rogue_check,
    .helper = rogue_helper,
    .snapshot = &snapshots,
};

MAQET_ENTRY const struct maqet_storage_plugin *maqet_storage_plugin(void);
MAQET_ENTRY const struct maqet_storage_plugin *
maqet_storage_plugin(void)
{
    act_in_load("entry");
    return &plugin;
}

#endif
