/* SPDX-License-Identifier: MIT */
#include "core/conformance/data.h"

#include <string.h>

#include "core/base/process.h"
#include "core/plugin/call.h"

/* Whether there was what was looked for; frees the command. */
static int
finish(struct maqet_command *command, struct maqet_error **err)
{
    _cleanup_free_ char *said = maqet_command_output(command, err);

    if (!said)
        return -1;
    return strstr(said, "verification failed")
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "its data is another one")
               : 0;
}

static struct maqet_command *
command_with(const char *words)
{
    struct maqet_command *command = maqet_command_new("qemu-io");

    maqet_command_arg(command, "-c");
    maqet_command_arg(command, "%s", words);
    return command;
}

static int
run_on(struct bench *bench, const struct maqet_drive *drive, const char *words,
       struct maqet_error **err)
{
    struct maqet_command *command = command_with(words);

    bench_doing(bench, "emit_args");
    if (maqet_command_image(command, drive, err) == 0)
        return finish(command, err);
    maqet_command_free(command);
    return -1;
}

bool
data_possible(void)
{
    _cleanup_free_ char *io = maqet_process_find("qemu-io");

    return io;
}

int
data_write(struct bench *bench, const struct maqet_drive *drive, int pattern,
           struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_format("write -P %d 64k 128k", pattern);

    return run_on(bench, drive, words, err) < 0
               ? maqet_error_wrap(err, "Writing through what emit_args says")
               : 0;
}

int
data_read(struct bench *bench, const struct maqet_drive *drive, int pattern,
          struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_format("read -P %d 64k 128k", pattern);

    return run_on(bench, drive, words, err);
}

int
data_read_served(const char *socket, int pattern, struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_format("read -P %d 64k 128k", pattern);
    struct maqet_command *command = command_with(words);
    _cleanup_json_ json_object *node = json_object_new_object();
    json_object *server = json_object_new_object();

    json_object_object_add(server, "type", json_object_new_string("unix"));
    json_object_object_add(server, "path", json_object_new_string(socket));
    json_object_object_add(node, "driver", json_object_new_string("nbd"));
    json_object_object_add(node, "server", server);
    maqet_command_arg(command, "-r");
    maqet_command_arg(command, "json:%s", json_object_to_json_string(node));
    return finish(command, err);
}
