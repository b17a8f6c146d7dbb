/* SPDX-License-Identifier: MIT */
/*
 * host.c - what plugins may call to run a program. The rest of what maqet-plugin.h offers
 * stands with the struct that it is about: errors in base/error.c, drives in
 * storage/drive.c, images in storage/image.c, snapshots in storage/snapshots.c, objects
 * in qemu/objects.c.
 */
#include "core/plugin/host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/plugin/call.h"

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
maqet_command_option(struct maqet_command *command, const char *prefix, const char *value)
{
    _cleanup_free_ char *doubled = maqet_text_double_commas(value);
    const char *key = strrchr(prefix, ',');

    maqet_strings_addf(&command->argv, "%s=%s", prefix, doubled);
    if (maqet_text_starts(prefix, "secret,") && strcmp(key, ",file") == 0)
        maqet_strings_add(&command->secrets, value);
}

/* The program opens our descriptor by way of /proc: what has no name in a folder leaves
 * nothing behind, even when we are killed. */
const char *
maqet_command_file(struct maqet_command *command, const void *bytes, size_t size,
                   struct maqet_error **err)
{
    _cleanup_close_ int fd = memfd_create("maqet", MFD_CLOEXEC);

    if (fd < 0 || maqet_fd_write(fd, bytes, size) < 0) {
        maqet_error_errno(err, errno, "Can't make a temporary file of %zu bytes", size);
        return NULL;
    }
    size_t count = command->files.count;
    command->fds = maqet_realloc(command->fds, (count + 1) * sizeof(*command->fds));
    maqet_strings_addf(&command->files, "/proc/%d/fd/%d", (int)getpid(), fd);
    command->fds[count] = TAKE_FD(fd);
    return command->files.items[count];
}

void
maqet_command_free(struct maqet_command *command)
{
    for (size_t i = 0; i < command->files.count; i++)
        close(command->fds[i]);
    free(command->fds);
    maqet_strings_clear(&command->files);
    maqet_strings_clear(&command->argv);
    maqet_strings_clear(&command->secrets);
    free(command);
}

/* ---- a program that says nothing ---- */

/* ms between two signs that it still runs. */
static const int64_t SIGN_INTERVAL = 500;

struct waiting {
    const char *const *argv;
    int64_t begun, shown;
};

static void
still_runs(void *data)
{
    struct waiting *waiting = data;
    int64_t now = maqet_now();

    if (now - waiting->shown < SIGN_INTERVAL)
        return;
    waiting->shown = now;
    maqet_call_give_sign(waiting->argv, now - waiting->begun);
}

/* Runs a command, without freeing it; who listens (NULL: nobody) shows that it runs. */
static int
run(const struct maqet_command *command, const struct maqet_process_listener *listener,
    int *exit_code, char **output, struct maqet_error **err)
{
    const char *const *argv = (const char *const *)command->argv.items;
    int64_t now = maqet_now();
    struct waiting waiting = {.argv = argv, .begun = now, .shown = now};
    const struct maqet_process_listener own = {.alive = still_runs, .data = &waiting};
    const struct maqet_process_manner manner = {.timeout = maqet_call_left(),
                                                .listener = listener ? listener : &own,
                                                .exit_code = exit_code,
                                                .log = maqet_call_log()};
    int result = maqet_secrets_check(&command->secrets, err) < 0
                     ? -1
                     : maqet_process_run_as(argv, &manner, output, err);

    maqet_call_give_sign(NULL, 0);
    return result;
}

int
maqet_command_finish(struct maqet_command *command,
                     const struct maqet_process_listener *listener, int *exit_code,
                     struct maqet_error **err)
{
    int result = run(command, listener, exit_code, NULL, err);

    maqet_command_free(command);
    return result;
}

int
maqet_command_run(struct maqet_command *command, struct maqet_error **err)
{
    return maqet_command_finish(command, NULL, NULL, err);
}

char *
maqet_command_output(struct maqet_command *command, struct maqet_error **err)
{
    char *output = NULL;

    run(command, NULL, NULL, &output, err);
    maqet_command_free(command);
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
