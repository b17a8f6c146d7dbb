/* SPDX-License-Identifier: MIT */
/*
 * beside.c - a storage plugin with a program beside QEMU, which is what the test says:
 * words for a shell, or a program by its path. QEMU connects to its socket as a serial
 * port would, or, where it is `asked`, as to a vhost-user device that has to answer.
 */
#include <maqet-plugin.h>

static const struct maqet_option options[] = {
    {.name = "words", .type = MAQET_OPTION_STRING, .help = "what a shell does"},
    {.name = "program", .type = MAQET_OPTION_STRING, .help = "what is run instead of it"},
    {.name = "asked", .type = MAQET_OPTION_BOOL, .help = "QEMU waits for its answer"},
    {.name = NULL},
};

static struct maqet_command *
beside_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *program = maqet_drive_string(drive, "program");
    const char *words = maqet_drive_string(drive, "words");
    struct maqet_command *command;

    (void)err;
    if (!program && !words)
        return NULL; /* and no error: it needs none */
    command = maqet_command_new(program ? program : "/bin/sh");
    if (words) {
        maqet_command_arg(command, "-c");
        maqet_command_arg(command, "%s", words);
    }
    return command;
}

static int
beside_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    bool asked = maqet_drive_bool(drive, "asked");
    struct maqet_props *device;

    (void)err;
    if (!maqet_drive_has(drive, "program") && !maqet_drive_has(drive, "words")) {
        maqet_args_device(args, "pci-testdev", name);
        return 0;
    }
    maqet_props_string(maqet_args_chardev(args, "socket", name), "path",
                       maqet_drive_socket(drive));
    device = maqet_args_device(args, asked ? "vhost-user-fs-pci" : "pci-serial", name);
    maqet_props_string(device, "chardev", name);
    if (asked) {
        maqet_props_string(device, "tag", name);
        maqet_args_share_memory(args);
    }
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "beside",
    .summary = "a program beside QEMU, for tests",
    .options = options,
    .helper = beside_helper,
    .emit_args = beside_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
