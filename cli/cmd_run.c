/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/fork/run.h"

/* The terminal belongs to the command. */
static void
begin(void *data)
{
    (void)data;
    terminal_working_end();
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_run_request request = {
        .vm = invocation->operands.items[0],
        .checkpoint = invocation_text(invocation, "from"),
        .answer_timeout = invocation_milliseconds(invocation, "wait"),
        .timeout = -1,
        .umask = invocation->umask,
        .output = -1,
        .begins = begin,
    };
    _cleanup_error_ struct maqet_error *error = NULL;
    int exit_code;

    if (!request.checkpoint || !invocation_has(invocation, "discard"))
        return usage_error(invocation, err,
                           "Usage: maqet run VM --from NAME --discard [-- COMMAND...]");
    if (invocation->operands.count > 1)
        request.argv = (const char *const *)invocation->operands.items + 1;
    if (invocation_has(invocation, "timeout"))
        request.timeout = invocation_milliseconds(invocation, "timeout");
    if (maqet_vm_run_forked(&invocation->context, &request, &exit_code, &error) < 0)
        invocation_note_undone(invocation, error);
    if (error)
        invocation_show_error(invocation, error);
    return exit_code;
}

const struct command command_run = {
    .name = "run",
    .related = "exec snapshot timeout(1)",
    .undoes = true,
    .undone = "Nothing was changed",
    .operands = {OPERAND_VM, OPERAND_PROGRAM | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .summary = "Run a command against a guest that is resumed from a checkpoint",
    .failure = MAQET_RUN_FAILED,
    .description =
        "For tests: a guest is resumed from the checkpoint, the command runs on the host, "
        "and then QEMU is ended and everything that the guest has changed is discarded. "
        "The guest is that of a fork (maqet-fork(1)), VM-run-1 or the next one of these "
        "names that is free, so VM may run meanwhile, and so may other runs. No image is "
        "written to, so every run begins at the same point. Shares are read-only. The exit "
        "status is that of the command. Without a command, the guest runs until it powers "
        "off. Put -- before a command that has options.\nThe exit status is 124 if "
        "--timeout has passed, 125 if maqet itself has failed, 126 if the "
        "command cannot be run, and 127 if it does not exist, as with "
        "timeout(1).\nThe command's "
        "environment contains MAQET_VM, the fork's name; MAQET_QMP, the path "
        "of the monitor's socket; and MAQET_CONSOLE, the path of the "
        "serial console: a unix socket, or a terminal if `arguments` have a pty.",
    .options =
        {{"from", .type = OPTION_TEXT, .argument = "NAME", .value = OPERAND_CHECKPOINT,
          .help = "the checkpoint to resume the guest from"},
         {"discard", .help = "discard everything that the guest changes; required"},
         {"timeout", .type = OPTION_SECONDS, .argument = "SECONDS",
          .help = "how long the command (or the guest, without a command) may run"},
         OPTION_WAIT_ROW},
    .examples = {{"maqet run myvm --from ready --discard -- ./test.sh",
                  "Run a test against a guest"},
                 {"maqet run myvm --from ready --discard --timeout 60",
                  "Watch the guest for a minute"}},
    .run = run,
};
