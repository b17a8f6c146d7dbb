/* SPDX-License-Identifier: MIT */
/*
 * command.c - the programs that plugins run (maqet-plugin.h). Where a drive stands in a
 * command line, what the drive's plugin tells QEMU is what qemu-img is told, so neither
 * can open another base, or miss a key.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/plugin/host.h"
#include "core/qemu/render.h"
#include "core/qemu/secrets.h"
#include "core/storage/callback.h"

/* ms between two signs of life of a helper that doesn't say how far it is. */
static const int64_t SIGN_INTERVAL = 500;

/* Bytes of its standard output that are kept. */
enum { KEPT_MAX = 16 * 1024 * 1024 };

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

int
maqet_command_run(struct maqet_command *command, struct maqet_error **err)
{
    return maqet_command_finish(command, NULL, NULL, NULL, err);
}

char *
maqet_command_output(struct maqet_command *command, struct maqet_error **err)
{
    char *output = NULL;

    maqet_command_finish(command, NULL, NULL, &output, err);
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

static int
append_image(struct maqet_command *command, const struct maqet_drive *drive,
             const struct maqet_args *args, struct maqet_error **err)
{
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

    return maqet_storage_emit_args(drive, args, err) < 0
               ? -1
               : append_image(command, drive, args, err);
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
                                  emit(drive, args, data, err), err) < 0
               ? -1
               : append_image(command, drive, args, err);
}

/* ---- how far it is ---- */

struct watch {
    const struct maqet_drive *drive;
    const char *const *argv;
    struct maqet_text *kept; /* what was heard; NULL: it is not wanted */
    char *what;
    int64_t begun;
    int64_t shown;  /* when something was last shown */
    double percent; /* negative: it never said */
    char line[64];  /* the end of what was heard: "    (12.34/100%)" */
    size_t length;
};

static void
show(struct watch *watch)
{
    const struct maqet_context *context = watch->drive->context;

    watch->shown = maqet_now();
    if (watch->percent < 0)
        maqet_drive_sign(watch->drive, watch->argv, watch->shown - watch->begun);
    else
        context->progress(context->data, watch->what, watch->percent,
                          watch->shown - watch->begun);
}

/* Called with nothing when nothing was heard for a while. */
static void
heard(void *data, const char *bytes, size_t count)
{
    struct watch *watch = data;
    const struct maqet_context *context = watch->drive->context;

    if (watch->kept && watch->kept->length + count <= KEPT_MAX)
        maqet_text_append_bytes(watch->kept, bytes, count);
    for (size_t i = 0; i < count; i++) {
        double percent;

        if (bytes[i] == '(')
            watch->length = 0;
        if (watch->length < sizeof(watch->line) - 1)
            watch->line[watch->length++] = bytes[i];
        watch->line[watch->length] = '\0';
        if (bytes[i] == ')' && sscanf(watch->line, "(%lf/100%%)", &percent) == 1)
            watch->percent = percent;
    }
    if (context->progress && maqet_now() - watch->shown >= SIGN_INTERVAL)
        show(watch);
}

static int
run_watched(struct maqet_command *command, const struct maqet_drive *drive,
            struct maqet_text *kept, int *exit_code, struct maqet_error **err)
{
    struct watch watch = {.drive = drive,
                          .argv = (const char *const *)command->argv.items,
                          .kept = kept,
                          .percent = -1,
                          .begun = maqet_now(),
                          .shown = maqet_now()};
    const struct maqet_process_listener listener = {.heard = heard, .data = &watch};

    watch.what =
        maqet_format("VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    int result = maqet_command_finish(command, &listener, exit_code, NULL, err);
    free(watch.what);
    return result;
}

int
maqet_command_run_progress(struct maqet_command *command, const struct maqet_drive *drive,
                           struct maqet_error **err)
{
    return run_watched(command, drive, NULL, NULL, err);
}

char *
maqet_command_output_progress(struct maqet_command *command,
                              const struct maqet_drive *drive, int *exit_code,
                              struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text kept = MAQET_TEXT_INIT;

    return run_watched(command, drive, &kept, exit_code, err) < 0
               ? NULL
               : maqet_text_take(&kept);
}
