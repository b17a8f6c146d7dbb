/* SPDX-License-Identifier: MIT */
#include "core/plugin/call.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ending.h"
#include "core/base/files.h"
#include "core/base/mask.h"
#include "core/base/percentage.h"
#include "core/base/printable.h"

static struct maqet_call current = {.mode = -1};

struct maqet_call *
maqet_call_current(void)
{
    return &current;
}

/* ms after the limit of a callback that has not returned. */
static const int64_t GRACE = 5000;

/* A maqet_ending_report. The copy does not change if the callback returns meanwhile. */
static int
report_end(bool late)
{
    const struct maqet_call call = current;
    _cleanup_error_ struct maqet_error *error = NULL;
    bool hours = call.limit >= 3600000;

    if (!call.context)
        return maqet_error_exit_code(late ? MAQET_ERROR_TIMEOUT : MAQET_ERROR_FAILED);
    if (late)
        maqet_error_set(&error, MAQET_ERROR_TIMEOUT,
                        "the plugin '%s' did not return from %s within %g %s, so the "
                        "command was stopped",
                        call.plugin, call.callback,
                        (double)call.limit / (hours ? 3600000 : 1000), hours ? "h" : "s");
    else
        maqet_error_set(&error, MAQET_ERROR_FAILED,
                        "the plugin '%s' ended the program in %s instead of returning",
                        call.plugin, call.callback);
    if (call.drive)
        maqet_error_wrap(&error, "Drive '%s' on VM '%s'", call.drive, call.vm);
    maqet_error_hint(&error,
                     "This is a fault of the plugin: report it to its author%s%s%s",
                     call.contact ? " (" : "", call.contact ? call.contact : "",
                     call.contact ? ")" : "");
    if (call.context->ending)
        call.context->ending(call.context->data, error);
    return maqet_error_exit_code(error->code);
}

static void
guard(void)
{
    if (current.deadline == 0)
        maqet_ending_guard(NULL, 0);
    else
        maqet_ending_guard(report_end, current.deadline + GRACE);
}

struct maqet_call
maqet_call_begin(int64_t limit)
{
    struct maqet_call outer = current;
    int64_t now = maqet_now();

    if (outer.deadline == 0)
        current.begun = now;
    if (outer.deadline == 0 || now + limit < outer.deadline)
        current.deadline = now + limit;
    current.limit = limit;
    current.of_interface = current.may_use_files = false;
    current.handle = NULL;
    current.plugin = NULL;
    current.context = NULL;
    current.contact = NULL;
    current.reported = 0;
    current.mode = -1;
    guard();
    return outer;
}

void
maqet_call_end(struct maqet_call *outer)
{
    current = *outer;
    guard();
}

int64_t
maqet_call_left(void)
{
    int64_t left = current.deadline - maqet_now();

    if (current.deadline == 0)
        return MAQET_CALL_LONG;
    return left > 0 ? left : 0;
}

int64_t
maqet_call_elapsed(void)
{
    return current.deadline == 0 ? 0 : maqet_now() - current.begun;
}

/* ---- what it reports ---- */

/* Bytes that each report takes by itself. */
enum { REPORT_SIZE = 128 };

bool
maqet_call_takes(size_t bytes)
{
    if (current.deadline == 0) /* no call */
        return true;
    if (bytes > MAQET_CALL_REPORTS_MAX)
        bytes = MAQET_CALL_REPORTS_MAX;
    if (!maqet_call_is_excessive())
        current.reported += bytes + REPORT_SIZE;
    return !maqet_call_is_excessive();
}

bool
maqet_call_is_excessive(void)
{
    return current.reported > MAQET_CALL_REPORTS_MAX;
}

/* ---- a program ---- */

void
maqet_command_free(struct maqet_command *command)
{
    if (!command)
        return;
    for (size_t i = 0; i < command->files.count; i++)
        close(command->fds[i]);
    free(command->fds);
    maqet_strings_clear(&command->files);
    maqet_strings_clear(&command->argv);
    maqet_strings_clear(&command->secrets);
    maqet_strings_clear(&command->environment);
    free(command->input);
    free(command);
}

static int
check_secret(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *word = maqet_shell_quoted(path);
    struct stat status;

    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) ||
        !(status.st_mode & (S_IRWXG | S_IRWXO)))
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_PERMISSION,
        "the key file %s is accessible to other users (mode %04o), who could decrypt "
        "what it protects",
        path, (unsigned)status.st_mode & 07777);
    maqet_error_hint(err, "Make it accessible for its owner only: chmod 600 %s", word);
    return -1;
}

int
maqet_secrets_check(const struct maqet_strings *paths, struct maqet_error **err)
{
    for (size_t i = 0; i < paths->count; i++)
        if (check_secret(paths->items[i], err) < 0)
            return -1;
    return 0;
}

int
maqet_command_check_secrets(const struct maqet_command *command, const char *plugin,
                            struct maqet_error **err)
{
    for (size_t i = 0; i < command->argv.count; i++) {
        if (!maqet_mask_finds(command->argv.items[i]))
            continue;
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "the plugin '%s' put a secret on the command line of %s, which "
                        "every user of the host can read; the program was not started",
                        plugin ? plugin : "?", command->argv.items[0]);
        maqet_error_hint(err,
                         "This is a fault of the plugin, unless the secret is a word "
                         "that is there by chance: then use a longer secret");
        return -1;
    }
    return 0;
}

/* ms between two reports of a program that runs. */
static const int64_t REPORT_INTERVAL = 500;

struct watch {
    const char *const *argv;
    int64_t begun, shown;
    bool progress; /* it prints its progress */
    struct maqet_percentage percentage;
};

static void
report_program(const struct watch *watch, const char *const *argv)
{
    if (current.report)
        current.report(current.about, argv, watch->percentage.percent,
                       watch->shown - watch->begun);
}

static void
on_output(void *data, const char *bytes, size_t count)
{
    struct watch *watch = data;

    if (watch->progress)
        maqet_percentage_read(&watch->percentage, bytes, count);
    if (maqet_now() - watch->shown < REPORT_INTERVAL)
        return;
    watch->shown = maqet_now();
    report_program(watch, watch->argv);
}

int
maqet_command_finish(struct maqet_command *command, char **output, size_t *size,
                     struct maqet_error **err)
{
    const char *const *argv = (const char *const *)command->argv.items;
    int64_t now = maqet_now();
    struct watch watch = {.argv = argv,
                          .begun = now,
                          .shown = now,
                          .progress = command->progress,
                          .percentage = MAQET_PERCENTAGE_INIT};
    const struct maqet_process_manner manner = {.timeout = maqet_call_left(),
                                                .on_output = on_output,
                                                .data = &watch,
                                                .exit_code = command->exit_status,
                                                .log = current.log,
                                                .input = command->input,
                                                .input_size = command->input_size,
                                                .environment = &command->environment,
                                                .output_size = size,
                                                .error_output = command->error_output,
                                                .ruleset = command->ruleset};
    int result = maqet_command_check_secrets(command, current.plugin, err) < 0 ||
                         maqet_secrets_check(&command->secrets, err) < 0
                     ? -1
                     : maqet_process_run_as(argv, &manner, output, err);

    report_program(&watch, NULL);
    maqet_command_free(command);
    return result;
}
