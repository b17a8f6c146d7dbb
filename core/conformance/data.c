/* SPDX-License-Identifier: MIT */
#include "core/conformance/data.h"

#include <string.h>

/* A qemu-io that fills the place with a byte ("write"), or expects it there ("read"). */
static struct maqet_command *
io_command(const char *what, int pattern)
{
    struct maqet_command *command = maqet_command_new("qemu-io");

    maqet_command_arg(command, "-c");
    maqet_command_arg(command, "%s -P %d 64k 128k", what, pattern);
    return command;
}

/* Runs it and frees the command. Fails if it does not find what it expects. */
static int
finish_io(struct maqet_command *command, struct maqet_error **err)
{
    _cleanup_free_ char *output = maqet_command_output(command, NULL, err);

    if (!output)
        return -1;
    return strstr(output, "verification failed")
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "its data is different")
               : 0;
}

static int
run_io(struct bench *bench, const char *what, int pattern, struct maqet_error **err)
{
    struct maqet_command *command = io_command(what, pattern);

    if (maqet_command_image(command, bench->drive, err) == 0)
        return finish_io(command, err);
    maqet_command_free(command);
    return -1;
}

int
data_write(struct bench *bench, int pattern, struct maqet_error **err)
{
    return run_io(bench, "write", pattern, err) < 0
               ? maqet_error_wrap(err, "Writing through what emit_args emits")
               : 0;
}

int
data_read(struct bench *bench, int pattern, struct maqet_error **err)
{
    return run_io(bench, "read", pattern, err);
}

int
data_read_served(const char *socket, int pattern, struct maqet_error **err)
{
    struct maqet_command *command = io_command("read", pattern);
    _cleanup_free_ char *path = maqet_text_double_commas(socket);

    maqet_command_arg(command, "-r");
    maqet_command_arg(command, "--image-opts");
    maqet_command_arg(command, "driver=nbd,server.type=unix,server.path=%s", path);
    return finish_io(command, err);
}
