/* SPDX-License-Identifier: MIT */
/* maqet run. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "cli/run_report.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/base/input.h"
#include "core/base/printable.h"
#include "core/config/options.h"
#include "core/fork/runs.h"

/* Commands at a time, and bytes of a file with commands. */
enum { PARALLEL_MAX = 1000, COMMANDS_MAX = 1 << 20 };

static const char default_logs[] = "maqet-logs";

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_ran,
    MAQET_ROW(struct maqet_ran, number, "its number in the list of commands, from 1"),
    MAQET_ROW(struct maqet_ran, command, "the command"),
    {"status", MAQET_FIELD_WORD(struct maqet_ran, status, maqet_ran_status_name),
     "how it has ended; late if it was ended after --timeout, error if maqet has failed"},
    MAQET_ROW(struct maqet_ran, exit_code, "its exit code"),
    MAQET_ROW(struct maqet_ran, duration,
              "how long it took, with the start and the end of the guest",
              .unit = MAQET_UNIT_MILLISECONDS),
    MAQET_ROW(struct maqet_ran, message, "the error of maqet; null if there is none",
              .optional = true),
    MAQET_ROW(struct maqet_ran, log, "the file with what it has printed"),
    MAQET_ROW(struct maqet_ran, console_log, "the file with what the guest has printed"));

static char *
text(const void *row)
{
    const struct maqet_ran *ran = row;
    _cleanup_free_ char *how = ran->message ? maqet_format(": %s", ran->message)
                               : ran->status == MAQET_RAN_FAILED
                                   ? maqet_format(", exit code %d", ran->exit_code)
                                   : maqet_strdup("");

    return maqet_format("%-6s %u %s (%.1f s)%s\n", maqet_ran_status_name(ran->status),
                        ran->number, ran->command, ran->duration / 1000, how);
}

static const struct view view = {
    .each = "command",
    .remark =
        "Without --parallel, --commands, --tap, --junit and --logs, there is no result.",
    .table = {.fields = &fields,
              .columns = "number command status exit_code duration log console_log"},
    .text = text};

/* The terminal belongs to the command. */
static void
begin(void *data)
{
    (void)data;
    terminal_working_end();
}

static int
run_one(struct invocation *invocation, const struct maqet_run_request *each)
{
    struct maqet_run_request request = *each;
    _cleanup_error_ struct maqet_error *error = NULL;
    int exit_code;

    request.begins = begin;
    if (invocation->operands.count > 1)
        request.argv = (const char *const *)invocation->operands.items + 1;
    if (maqet_vm_run_forked(&invocation->context, &request, &exit_code, &error) < 0)
        invocation_note_undone(invocation, error);
    if (error)
        invocation_show_error(invocation, error);
    return exit_code;
}

/* ---- the list of commands ---- */

/* The commands, and what they consist of. */
struct list {
    struct maqet_run_listed *items;
    size_t count;
    struct maqet_strings titles;
    const char *(*argv)[4]; /* of those for a shell, and of programs without arguments */
};

static void
list_clear(struct list *list)
{
    free(list->items);
    free(list->argv);
    maqet_strings_clear(&list->titles);
}

/* Each title is a command: of a shell, or the name of a program. */
static void
fill_list(struct list *list, bool of_shell)
{
    size_t count = list->titles.count;

    list->items = maqet_alloc(count * sizeof(*list->items) + 1);
    list->argv = maqet_alloc(count * sizeof(*list->argv) + 1);
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *title = list->titles.items[i];

        if (of_shell)
            memcpy(list->argv[i], (const char *[4]){"/bin/sh", "-c", title, NULL},
                   sizeof(*list->argv));
        else
            list->argv[i][0] = title;
        list->items[i] = (struct maqet_run_listed){.title = title, .argv = list->argv[i]};
    }
}

/* A line for each; "#" begins a line that is none. */
static int
read_commands(const char *file, struct maqet_strings *commands, struct maqet_error **err)
{
    _cleanup_free_ char *data = NULL;
    char *rest = NULL;
    size_t length;

    if ((strcmp(file, "-") == 0
             ? maqet_input_read(STDIN_FILENO, "Standard input", COMMANDS_MAX, &data,
                                &length, err)
             : maqet_file_read(file, COMMANDS_MAX, &data, &length, err)) < 0)
        return -1;
    if (memchr(data, '\0', length))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "%s is not a list of commands: it contains a NUL", file);
    for (char *line = strtok_r(data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        line += strspn(line, " \t\r");
        for (size_t end = strlen(line); end > 0 && line[end - 1] == '\r';)
            line[--end] = '\0';
        if (*line && *line != '#')
            maqet_strings_add(commands, line);
    }
    return commands->count > 0 ? 0
                               : maqet_error_set(err, MAQET_ERROR_INVALID,
                                                 "There is no command in %s", file);
}

static int
read_list(const struct invocation *invocation, struct list *list,
          struct maqet_error **err)
{
    const char *file = invocation_text(invocation, "commands");
    char **operands = invocation->operands.items + 1;
    size_t count = invocation->operands.count - 1;

    if (file && count > 0)
        return usage_error(invocation, err, "--commands excludes other commands");
    if (!file && count == 0)
        return usage_error(invocation, err, "There is no command to run");
    if (file && read_commands(file, &list->titles, err) < 0)
        return -1;
    if (!file && !invocation_has(invocation, "parallel")) {
        _cleanup_text_ struct maqet_text words = MAQET_TEXT_INIT;

        for (size_t i = 0; i < count; i++) {
            maqet_text_append(&words, i > 0 ? " " : "");
            maqet_shell_append(&words, operands[i]);
        }
        maqet_strings_add(&list->titles, words.data);
        fill_list(list, false);
        list->items->argv = (const char *const *)operands;
        return 0;
    }
    for (size_t i = 0; !file && i < count; i++)
        maqet_strings_add(&list->titles, operands[i]);
    fill_list(list, file);
    return 0;
}

/* ---- running it ---- */

static void
tell(void *data, const struct maqet_ran *ran)
{
    struct invocation *invocation = data;

    terminal_working_end();
    if (!invocation_has(invocation, "tap")) {
        output_row(&invocation->output, &view, ran);
        return;
    }
    _cleanup_free_ char *lines = run_report_tap(ran);
    output_text(lines);
}

/* 1 if a command has failed, and 125 if maqet has. */
static int
exit_code_of(struct invocation *invocation, const struct maqet_rans *rans)
{
    size_t failed = 0, errors = 0;

    for (size_t i = 0; i < rans->count; i++) {
        failed += rans->items[i].status != MAQET_RAN_PASSED;
        errors += rans->items[i].status == MAQET_RAN_ERROR;
    }
    if (failed == 0)
        return 0;
    _cleanup_error_ struct maqet_error *error = NULL;
    maqet_error_set(&error, MAQET_ERROR_FAILED, "%zu of %zu commands did not pass",
                    failed, rans->count);
    maqet_error_hint(&error, "What they and their guests have printed is in %s",
                     invocation_text(invocation, "logs"));
    invocation_show_error(invocation, error);
    return errors > 0 ? MAQET_RUN_FAILED : 1;
}

/* A result of an earlier run must not be taken for that of this one. */
static int
remove_earlier(const char *junit, struct maqet_error **err)
{
    struct stat status;

    if (lstat(junit, &status) < 0)
        return errno == ENOENT ? 0
                               : maqet_error_errno(err, errno, "Cannot write %s", junit);
    if (!S_ISREG(status.st_mode))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "Cannot write %s: not a regular file", junit);
    return unlink(junit) < 0 ? maqet_error_errno(err, errno, "Cannot delete %s", junit)
                             : 0;
}

static int
run_list(struct invocation *invocation, const struct maqet_run_request *each,
         struct maqet_error **err)
{
    const char *junit = invocation_text(invocation, "junit");
    const char *number = invocation_text(invocation, "parallel");
    bool tap = invocation_has(invocation, "tap");
    _cleanup_(list_clear) struct list list = {0};
    _cleanup_rans_ struct maqet_rans rans = {0};
    int64_t parallel = 1;

    if (number &&
        (!maqet_parse_int(number, &parallel) || parallel < 1 || parallel > PARALLEL_MAX))
        return usage_error(invocation, err, "--parallel %s: a number from 1 to %d",
                           number, PARALLEL_MAX);
    if (tap && invocation->output.format != FORMAT_TABLE)
        return usage_error(invocation, err, "--tap excludes --format");
    if (read_list(invocation, &list, err) < 0 ||
        (junit && remove_earlier(junit, err) < 0))
        return -1;
    const struct maqet_runs_request request = {
        .each = *each,
        .commands = list.items,
        .count = list.count,
        .parallel = (unsigned)parallel,
        .logs = invocation_text(invocation, "logs"),
        .ended = tell,
        .data = invocation,
    };
    _cleanup_free_ char *plan = tap ? run_report_tap_plan(list.count) : NULL;
    if (plan)
        output_text(plan);
    int result = maqet_vm_run_all(&invocation->context, &request, &rans, err);
    if (tap && result < 0)
        output_text("Bail out!\n");
    _cleanup_error_ struct maqet_error *unwritten = NULL;
    if (junit && rans.count > 0 &&
        run_report_junit(junit, invocation->umask, each->vm, &rans, &unwritten) < 0)
        invocation_show_error(invocation, unwritten);
    if (result < 0)
        return -1;
    int exit_code = exit_code_of(invocation, &rans);
    return unwritten ? MAQET_RUN_FAILED : exit_code;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    static const char *const of_lists[] = {"parallel", "commands", "tap", "junit",
                                           "logs"};
    struct maqet_run_request request = {
        .vm = invocation->operands.items[0],
        .checkpoint = invocation_text(invocation, "from"),
        .answer_timeout = invocation_milliseconds(invocation, "wait"),
        .timeout = invocation_has(invocation, "timeout")
                       ? invocation_milliseconds(invocation, "timeout")
                       : -1,
        .umask = invocation->umask,
        .output = -1,
    };

    if (!request.checkpoint || !invocation_has(invocation, "discard"))
        return usage_error(invocation, err,
                           "Usage: maqet run VM --from NAME --discard [-- COMMAND...]");
    for (size_t i = 0; i < sizeof(of_lists) / sizeof(*of_lists); i++)
        if (invocation_has(invocation, of_lists[i]))
            return run_list(invocation, &request, err);
    return run_one(invocation, &request);
}

const struct command command_run = {
    .name = "run",
    .related = "checkpoint exec fork snapshot timeout(1)",
    .undoes = true,
    .undone = "Nothing was changed",
    .operands = {OPERAND_VM, OPERAND_PROGRAM | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .summary = "Run commands against guests that are resumed from a checkpoint",
    .failure = MAQET_RUN_FAILED,
    .description =
        "For tests: a guest is resumed from the checkpoint, the command runs on the host, "
        "and then QEMU is ended and everything that the guest has changed is discarded. "
        "The guest is that of a fork (maqet-fork(1)), VM-run-1 or the next one of these "
        "names that is free, so VM may run meanwhile, and so may other runs. No image is "
        "written to, so every run begins at the same point. Shares are read-only. The exit "
        "status is that of the command. Without a command, the guest runs until it powers "
        "off. Put -- before a command that has options.\nThe exit status is 124 if "
        "--timeout has passed, 125 if maqet itself has failed or this host has no space "
        "for what the guest writes, 126 if the command cannot be run, and 127 if it does "
        "not exist, as with timeout(1).\nThe command's "
        "environment contains MAQET_VM, the fork's name; MAQET_QMP, the path of the "
        "monitor's socket; and MAQET_CONSOLE, the path of the serial console: a unix "
        "socket, or a terminal if `arguments` have a pty.\nWith --parallel, each COMMAND is "
        "a program, without arguments, that has a guest of its own; --commands reads shell "
        "commands from a file. Commands of a list, and all with --tap, --junit or --logs, "
        "have no standard input, and what they print goes to files. The exit status is 1 "
        "if one of them did not pass, or 125 if maqet itself has failed.",
    .options =
        {{"from", .type = OPTION_TEXT, .argument = "NAME", .value = OPERAND_CHECKPOINT,
          .help = "the checkpoint to resume the guest from"},
         {"discard", .help = "discard everything that the guest changes; required"},
         {"timeout", .type = OPTION_SECONDS, .argument = "SECONDS",
          .help = "how long each command (or the guest, without a command) may run"},
         {"parallel", 'j', .type = OPTION_TEXT, .argument = "N",
          .help = "run each COMMAND as one of its own, N at the same time"},
         {"commands", .type = OPTION_TEXT, .argument = "FILE",
          .help = "run each line of a file (- is standard input) by /bin/sh"},
         {"tap", .help = "print the results as TAP"},
         {"junit", .type = OPTION_TEXT, .argument = "FILE",
          .help = "write the results to a file as JUnit's XML"},
         {"logs", .type = OPTION_TEXT, .argument = "DIR", .fallback = default_logs,
          .help =
              "the folder for what each command, and its guest's console, has printed"},
         OPTION_WAIT_ROW},
    .examples = {{"maqet run myvm --from ready --discard -- ./test.sh",
                  "Run a test against a guest"},
                 {"maqet run myvm --from ready --discard --parallel 4 --tap tests/*.sh",
                  "Run many, four at a time, for a TAP harness"},
                 {"maqet run myvm --from ready --discard --timeout 60",
                  "Watch the guest for a minute"}},
    .view = &view,
    .run = run,
};
