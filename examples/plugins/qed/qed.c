/* SPDX-License-Identifier: MIT */
/*
 * qed.c - QEMU's older format "QED", whose images serve as overlays, too: an example of a
 * storage plugin with an overlay table. The format itself has no snapshots.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "header.h"

static const struct maqet_option options[] = {
    {.name = "file",
     .type = MAQET_OPTION_PATH,
     .help = "the image, created if it is missing"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 1024 * 1024,
     .maximum = QED_SIZE_MAX,
     .help = "size that the guest sees, such as 20G; used when the image is created"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "the guest may only read, and the image is never created"},
    {.name = NULL},
};

static struct maqet_command *
command_for(const char *word)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, word);
    return command;
}

static void
add_bytes(struct maqet_command *command, uint64_t bytes)
{
    maqet_command_arg(command, "%llu", (unsigned long long)((bytes + 511) / 512 * 512));
}

/* ---- images ---- */

static int
qed_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
          struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "%s does not exist yet, and creating it needs a `size`",
                                 maqet_drive_path(drive));
    *at_once = QED_CLUSTER + QED_TABLE;
    *at_most = *at_once + size + (size / QED_PER_TABLE + 1) * QED_TABLE;
    return 0;
}

static int
qed_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    struct maqet_command *command = command_for("create");

    maqet_command_word(command, "-q");
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qed");
    maqet_command_word(command, "--");
    maqet_command_word(command, path);
    add_bytes(command, maqet_drive_size(drive, "size"));
    return maqet_command_run(command, err);
}

static int
read_header(const struct maqet_drive *drive, int fd, struct qed_header *header,
            struct maqet_error **err)
{
    const char *fault = qed_header_read(fd, header);

    if (!fault)
        return 0;
    return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID, "%s: %s",
                             maqet_drive_path(drive), fault);
}

/* The core accepts the name of what an overlay stands on. No other image may name a file. */
static int
qed_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
            struct maqet_error **err)
{
    struct qed_header header;

    if (read_header(drive, fd, &header, err) < 0)
        return -1;
    maqet_image_format(image, "qed");
    maqet_image_virtual_size(image, header.size);
    if (*header.backing_name)
        maqet_image_names_file(image, NULL, "backing file", header.backing_name);
    return 0;
}

/* An overlay is given with what it stands on, so no file is opened because an image names it. */
static int
qed_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    struct maqet_command *command = command_for("resize");

    maqet_command_word(command, "-q");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    add_bytes(command, bytes);
    return maqet_command_run(command, err);
}

static int
qed_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(data, "node-name", maqet_drive_node(drive));
    maqet_props_int(data, "size", (int64_t)((bytes + 511) / 512 * 512));
    return 0;
}

static int
qed_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
              struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "qed");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    maqet_props_bool(node, "file.read-only", maqet_drive_readonly(drive));
    if (maqet_drive_backing_node(drive))
        maqet_props_string(node, "backing", maqet_drive_backing_node(drive));
    return 0;
}

/* ---- overlays ---- */

/* Of the format of the backing image, the format stores only whether it is raw. QEMU looks at the
 * beginning of any other, which must therefore be nothing that a guest can write. */
static int
check_format(const struct maqet_drive *drive, const char *format,
             struct maqet_error **err)
{
    static const char *const known[] = {"raw", "qed", "qcow2"};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(format, known[i]) == 0)
            return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                             "an image of the format QED cannot stand on one of the "
                             "format '%s'",
                             format);
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

/* -u: the backing image is not opened, since the size is given. */
static int
overlay_create(const struct maqet_drive *drive, const char *path, uint64_t bytes,
               struct maqet_error **err)
{
    if (check_format(drive, maqet_drive_backing_format(drive), err) < 0)
        return -1;
    struct maqet_command *command = command_for("create");
    maqet_command_word(command, "-q");
    maqet_command_word(command, "-u");
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qed");
    add_backing(command, maqet_drive_backing_name(drive),
                maqet_drive_backing_format(drive));
    maqet_command_word(command, "--");
    maqet_command_word(command, path);
    add_bytes(command, bytes);
    return maqet_command_run(command, err);
}

/* Makes the overlay store another name; @word: "-u", and nothing else; "-p": and hold what it
 * would not show otherwise. */
static int
rebase(const struct maqet_drive *drive, const char *word, const char *name,
       const char *format, struct maqet_error **err)
{
    if (name && check_format(drive, format, err) < 0)
        return -1;
    struct maqet_command *command = command_for("rebase");
    maqet_command_word(command, word);
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qed");
    add_backing(command, name, format);
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    if (strcmp(word, "-p") == 0)
        maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static int
overlay_rename_backing(const struct maqet_drive *drive, struct maqet_error **err)
{
    return rebase(drive, "-u", maqet_drive_backing_name(drive),
                  maqet_drive_backing_format(drive), err);
}

static int
overlay_merge_down(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = command_for("commit");

    maqet_command_word(command, "-p");
    maqet_command_word(command, "-d"); /* the overlay keeps what it holds */
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

/* Relative names need an overlay that is given by its path, so its backing image is found by the
 * name in it, which must be the right one: or the new one, if a call was killed at its end. */
static int
overlay_merge_up(const struct maqet_drive *drive, const char *name, const char *format,
                 struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    struct qed_header header;
    const char *fault = qed_header_read_at(path, &header);

    if (!fault && strcmp(header.backing_name, maqet_drive_backing_name(drive)) != 0 &&
        strcmp(header.backing_name, name ? name : "") != 0)
        fault = "it names another backing file than the one that it stands on";
    if (fault)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID, "%s: %s", path,
                                 fault);
    return rebase(drive, "-p", name, format, err);
}

static int
overlay_used(const struct maqet_drive *drive, int fd, uint64_t *bytes,
             struct maqet_error **err)
{
    struct qed_header header;

    if (read_header(drive, fd, &header, err) < 0)
        return -1;
    const char *fault = qed_count(fd, &header, bytes);
    return fault ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID, "%s: %s",
                                     maqet_drive_path(drive), fault)
                 : 0;
}

static const struct maqet_overlay_table overlays = {
    .size = sizeof(struct maqet_overlay_table),
    .create = overlay_create,
    .rename_backing = overlay_rename_backing,
    .merge_down = overlay_merge_down,
    .merge_up = overlay_merge_up,
    .used = overlay_used,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "qed",
    .summary = "QED images, which serve as overlays, too",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = qed_space,
    .create = qed_create,
    .inspect = qed_inspect,
    .resize = qed_resize,
    .live_resize = qed_live_resize,
    .emit_args = qed_emit_args,
    .overlay = &overlays,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
