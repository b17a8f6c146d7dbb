/* SPDX-License-Identifier: MIT */
/*
 * command.c - the programs that plugins run (maqet-plugin.h). A drive in a command line is
 * described to qemu-img as its plugin describes it to QEMU, so both use the same backing
 * files and keys.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/files.h"
#include "core/plugin/call.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/keyval.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"

/* ---- a command ---- */

struct maqet_command *
maqet_command_new(const char *program)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));

    maqet_strings_add(&command->argv, program);
    return command;
}

void
maqet_command_arg(struct maqet_command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_strings_take(&command->argv, maqet_vformat(format, arguments));
    va_end(arguments);
}

void
maqet_command_word(struct maqet_command *command, const char *word)
{
    maqet_strings_add(&command->argv, word);
}

void
maqet_command_option(struct maqet_command *command, const char *prefix, const char *value)
{
    _cleanup_free_ char *doubled = maqet_text_double_commas(value);
    const char *key = strrchr(prefix, ',');

    maqet_strings_addf(&command->argv, "%s=%s", prefix, doubled);
    if (maqet_text_starts(prefix, "secret,") && strcmp(key, ",file") == 0)
        maqet_strings_add(&command->secrets, value);
}

/* The program opens our descriptor through /proc. A file without a name is gone even if we
 * are killed. */
const char *
maqet_command_file(struct maqet_command *command, const void *bytes, size_t size,
                   struct maqet_error **err)
{
    _cleanup_close_ int fd = memfd_create("maqet", MFD_CLOEXEC);

    if (fd < 0 || maqet_fd_write(fd, bytes, size) < 0) {
        maqet_error_errno(err, errno, "Cannot create a temporary file of %zu bytes",
                          size);
        return NULL;
    }
    size_t count = command->files.count;
    command->fds = maqet_realloc(command->fds, (count + 1) * sizeof(*command->fds));
    maqet_strings_addf(&command->files, "/proc/%d/fd/%d", (int)getpid(), fd);
    command->fds[count] = TAKE_FD(fd);
    return command->files.items[count];
}

void
maqet_command_environment(struct maqet_command *command, const char *name,
                          const char *value)
{
    if (value)
        maqet_strings_addf(&command->environment, "%s=%s", name, value);
    else
        maqet_strings_add(&command->environment, name);
}

void
maqet_command_input(struct maqet_command *command, const void *bytes, size_t size)
{
    free(command->input);
    command->input = maqet_alloc(size + 1);
    if (size > 0)
        memcpy(command->input, bytes, size);
    command->input_size = size;
}

void
maqet_command_exit_status(struct maqet_command *command, int *status)
{
    command->exit_status = status;
}

void
maqet_command_error_output(struct maqet_command *command, char **text)
{
    *text = NULL;
    command->error_output = text;
}

void
maqet_command_show_progress(struct maqet_command *command,
                            const struct maqet_drive *drive)
{
    (void)drive;
    command->progress = true;
}

int
maqet_command_run(struct maqet_command *command, struct maqet_error **err)
{
    return maqet_command_finish(command, NULL, NULL, err);
}

char *
maqet_command_output(struct maqet_command *command, size_t *size,
                     struct maqet_error **err)
{
    char *output = NULL;

    if (size)
        *size = 0;
    maqet_command_finish(command, &output, size, err);
    return output;
}

int
maqet_run(struct maqet_error **err, const char *program, ...)
{
    struct maqet_command *command = maqet_command_new(program);
    const char *argument;
    va_list arguments;

    va_start(arguments, program);
    while ((argument = va_arg(arguments, const char *)))
        maqet_strings_add(&command->argv, argument);
    va_end(arguments);
    return maqet_command_run(command, err);
}

/* ---- a drive in it ---- */

/* Whether a node connects to the program that runs beside QEMU. */
static int
is_served(void *data, json_object *node)
{
    const struct maqet_drive *drive = data;
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_block_node_files(node, &files);
    return maqet_strings_has(&files, drive->socket);
}

static int
append_image(struct maqet_command *command, const struct maqet_drive *drive,
             const struct maqet_args *args, struct maqet_error **err)
{
    for (size_t i = 0; i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev &&
            maqet_block_node_walk(args->objects[i]->json, is_served, (void *)drive))
            return maqet_drive_error(
                drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                "the plugin '%s' has its helper open the image, which runs only beside "
                "QEMU, and describes no other node for qemu-img",
                drive->storage->plugin.name);
    if (!maqet_args_render_image(args, maqet_drive_node(drive), &command->argv))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it has no image that qemu-img could open");
    maqet_secrets_find(&command->argv, NULL, &command->secrets);
    return 0;
}

int
maqet_command_image(struct maqet_command *command, const struct maqet_drive *drive,
                    struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    int emitted = drive->overlay_for ? maqet_storage_emit_overlay(drive, args, err)
                                     : maqet_storage_emit_args(drive, args, err);

    return emitted < 0 ? -1 : append_image(command, drive, args, err);
}

int
maqet_command_node(struct maqet_command *command, const struct maqet_drive *drive,
                   int (*emit)(const struct maqet_drive *drive, struct maqet_args *args,
                               void *data, struct maqet_error **err),
                   void *data, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    return maqet_drive_judge_args(drive, drive->storage->plugin.name,
                                  "maqet_command_node", args,
                                  emit(drive, args, data, err), err) < 0 ||
                   maqet_emitted_verify(drive, args, 0, &command->files, err) < 0
               ? -1
               : append_image(command, drive, args, err);
}
