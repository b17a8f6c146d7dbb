/* SPDX-License-Identifier: MIT */
/*
 * emitter.c - a storage plugin, or with EMITTER_SHARE one of shares, that emits what its
 * option `emit` says: objects separated by ';', each of which is a list of words: its kind
 * (node, object, fsdev, chardev or device), its type (but for a node), its id, and its
 * properties as KEY=VALUE. A value is a text, or one of !on, !off and !null. %file, %base,
 * %folder, %own (the drive's folder), %socket and %node at the beginning of a word stand
 * for what the drive has.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = "base", .type = MAQET_OPTION_PATH, .help = "another file"},
    {.name = "folder", .type = MAQET_OPTION_PATH, .help = "a folder"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "emit", .type = MAQET_OPTION_STRING, .help = "what is emitted"},
    {.name = "again",
     .type = MAQET_OPTION_STRING,
     .help = "what qemu-img gets, unless that is the same"},
    {.name = "reports", .type = MAQET_OPTION_STRING, .help = "what inspect reports"},
    {.name = NULL},
};

/* The caller frees. */
static char *
expand(const struct maqet_drive *drive, const char *word)
{
    const struct {
        const char *name;
        const char *value;
    } names[] = {
        {"%file", maqet_drive_string(drive, "file")},
        {"%base", maqet_drive_string(drive, "base")},
        {"%folder", maqet_drive_string(drive, "folder")},
        {"%own", maqet_drive_folder(drive)},
        {"%socket", maqet_drive_socket(drive)},
        {"%node", maqet_drive_node(drive)},
    };
    char *text = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strncmp(word, names[i].name, strlen(names[i].name)) == 0 && names[i].value)
            return asprintf(&text, "%s%s", names[i].value, word + strlen(names[i].name)) <
                           0
                       ? NULL
                       : text;
    return strdup(word);
}

static void
set(const struct maqet_drive *drive, struct maqet_props *props, const char *key,
    const char *word)
{
    char *value = expand(drive, word);

    if (strcmp(value, "!on") == 0 || strcmp(value, "!off") == 0)
        maqet_props_bool(props, key, strcmp(value, "!on") == 0);
    else
        maqet_props_string(props, key, strcmp(value, "!null") == 0 ? NULL : value);
    free(value);
}

static int
emit_object(const struct maqet_drive *drive, struct maqet_args *args, char *words)
{
    struct maqet_props *props = NULL;
    char *kind = NULL, *type = NULL;

    for (char *word; (word = strsep(&words, " "));) {
        char *equals = strchr(word, '=');

        if (!*word)
            continue;
        if (!kind) {
            kind = word;
        } else if (!type && strcmp(kind, "node") != 0) {
            type = word;
        } else if (!props) {
            char *id = expand(drive, word);

            props = strcmp(kind, "node") == 0      ? maqet_args_blockdev(args, id)
                    : strcmp(kind, "object") == 0  ? maqet_args_object(args, type, id)
                    : strcmp(kind, "fsdev") == 0   ? maqet_args_fsdev(args, type, id)
                    : strcmp(kind, "chardev") == 0 ? maqet_args_chardev(args, type, id)
                                                   : maqet_args_device(args, type, id);
            free(id);
        } else if (equals) {
            *equals = '\0';
            set(drive, props, word, equals + 1);
        }
    }
    return 0;
}

static int
emit_text(const struct maqet_drive *drive, struct maqet_args *args, void *data,
          struct maqet_error **err)
{
    const char *text = data;
    char *copy = strdup(text ? text : ""), *rest = copy;

    (void)err;
    for (char *object; (object = strsep(&rest, ";"));)
        emit_object(drive, args, object);
    free(copy);
    return 0;
}

static int
emitter_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                  struct maqet_error **err)
{
    return emit_text(drive, args, (void *)maqet_drive_string(drive, "emit"), err);
}

#ifndef EMITTER_SHARE
static int
emitter_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
              struct maqet_error **err)
{
    (void)drive, (void)err;
    *at_once = 0;
    *at_most = 1 << 20;
    return 0;
}

static int
emitter_create(const struct maqet_drive *drive, const char *path,
               struct maqet_error **err)
{
    return truncate(path, 1 << 20) < 0
               ? maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED, "%m")
               : 0;
}

static int
emitter_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                struct maqet_error **err)
{
    const char *reports = maqet_drive_string(drive, "reports");
    unsigned char header[32] = {0};
    uint64_t size = 0;
    struct stat status;

    if (fstat(fd, &status) < 0 || pread(fd, header, sizeof(header), 0) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED, "%m");
    for (int i = 24; i < 32; i++)
        size = size << 8 | header[i];
    maqet_image_virtual_size(
        image, memcmp(header, "QFI", 3) == 0 ? size : (uint64_t)status.st_size);
    if (reports)
        maqet_image_file(image, reports);
    return 0;
}

/* Appends the image as the options say. */
static int
add_image(struct maqet_command *command, const struct maqet_drive *drive,
          struct maqet_error **err)
{
    const char *again = maqet_drive_string(drive, "again");

    return again ? maqet_command_node(command, drive, emit_text, (char *)again, err)
                 : maqet_command_image(command, drive, err);
}

static int
emitter_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, "resize");
    maqet_command_word(command, "-q");
    if (add_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_arg(command, "%llu", (unsigned long long)bytes);
    return maqet_command_run(command, err);
}

static int
emitter_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
              struct maqet_check_report *report, struct maqet_error **err)
{
    struct maqet_command *command;
    int status;

    if (depth == MAQET_CHECK_QUICK)
        return 0;
    command = maqet_command_new("qemu-img");
    maqet_command_word(command, "compare");
    maqet_command_exit_status(command, &status);
    if (add_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_word(command, maqet_drive_string(drive, "base"));
    if (maqet_command_run(command, err) < 0)
        return -1;
    if (status != 0)
        maqet_check_damage(report, maqet_drive_path(drive), "it differs from its base");
    return 0;
}
#endif

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .summary = "emits what an option says, for tests",
    .options = options,
    .readonly_option = "readonly",
#ifdef EMITTER_SHARE
    .name = "emitter-share",
#else
    .name = "emitter",
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .creation = MAQET_CREATION_ONCE,
    .space = emitter_space,
    .create = emitter_create,
    .inspect = emitter_inspect,
    .resize = emitter_resize,
    .check = emitter_check,
#endif
    .emit_args = emitter_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
