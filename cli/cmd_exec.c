/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "cli/invocation.h"
#include "cli/terminal.h"
#include "core/base/clock.h"
#include "core/base/input.h"
#include "core/fork/run.h"
#include "core/guest/agent.h"
#include "core/guest/program.h"

enum { EXIT_STATUS_MAX = 255 };

/* An agent that does not answer is a failure of ours, not of the command. */
static int
exit_code_of(const struct maqet_error *error, const struct maqet_guest_end *end)
{
    if (end->is_late)
        return MAQET_RUN_LATE;
    switch (error->code) {
    case MAQET_ERROR_PERMISSION:
        return MAQET_RUN_NOT_RUN;
    case MAQET_ERROR_MISSING:
        return MAQET_RUN_NOT_FOUND;
    default:
        return MAQET_RUN_FAILED;
    }
}

static int
error_input_late(struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                    "Standard input has not ended in time, so the command was not run");
    maqet_error_hint(err, "If the command reads nothing, say --no-input");
    return -1;
}

/* Standard input to its end, unless it is a terminal: the agent takes all of it when the
 * command begins. */
static int
read_input(const struct invocation *invocation, struct maqet_deadline deadline,
           struct maqet_text *input, struct maqet_error **err)
{
    char bytes[16384];
    ssize_t count = 1;

    if (invocation_has(invocation, "no-input") || isatty(STDIN_FILENO))
        return 0;
    while (count != 0) {
        int waited = maqet_input_wait(STDIN_FILENO, deadline, err);
        if (waited <= 0)
            return waited < 0 ? -1 : error_input_late(err);
        count = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return maqet_error_errno(err, errno, "Cannot read standard input");
        if (count > 0)
            maqet_text_append_bytes(input, bytes, (size_t)count);
        if (input->length <= MAQET_GUEST_INPUT_MAX)
            continue;
        maqet_error_set(err, MAQET_ERROR_INVALID, "Standard input is larger than %d MiB",
                        MAQET_GUEST_INPUT_MAX >> 20);
        maqet_error_hint(err, "Copy it to the guest first: maqet cp FILE VM:PATH");
        return -1;
    }
    return 0;
}

/* What the command has printed reaches standard output and standard error as it is. */
static int
pass_output(const struct maqet_guest_end *end, struct maqet_error **err)
{
    if (terminal_pass(stdout, end->out.data, end->out.length) < 0 ||
        terminal_pass(stderr, end->error.data, end->error.length) < 0)
        return maqet_error_errno(err, errno, "Cannot write the command's output");
    return end->is_cut ? maqet_error_set(err, MAQET_ERROR_FAILED,
                                         "The output is not complete: the guest agent "
                                         "keeps only the first %d MiB",
                                         MAQET_GUEST_OUTPUT_MAX >> 20)
                       : 0;
}

/* A guest's code may have 32 bits, of which an exit status keeps 8: none but 0 becomes 0. */
static int
exit_status_of(int exit_code)
{
    return exit_code < 0 || exit_code > EXIT_STATUS_MAX ? EXIT_STATUS_MAX : exit_code;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char **operands = invocation->operands.items;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_guest_end_ struct maqet_guest_end end = {0};
    _cleanup_text_ struct maqet_text input = MAQET_TEXT_INIT;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, operands[0], MAQET_OPEN_RUNNING, err);
    int64_t timeout = invocation_has(invocation, "timeout")
                          ? invocation_milliseconds(invocation, "timeout")
                          : -1;
    int64_t begun = maqet_now();

    if (!machine || maqet_guest_agent_check(machine, err) < 0)
        return -1;
    if (read_input(invocation, maqet_deadline_in(timeout), &input, &error) < 0) {
        invocation_note_undone(invocation, error);
        invocation_show_error(invocation, error);
        return error->code == MAQET_ERROR_TIMEOUT ? MAQET_RUN_LATE : MAQET_RUN_FAILED;
    }
    const struct maqet_guest_program program = {
        .argv = (const char *const *)operands + 1,
        .input = input.data,
        .input_size = input.length,
        .answer_timeout = invocation_milliseconds(invocation, "wait"),
        .timeout = timeout,
        .spent = maqet_now() - begun};
    int result = maqet_guest_run(machine, &program, &end, &error);
    if (pass_output(&end, result == 0 ? err : NULL) < 0 && result == 0)
        return -1;
    if (result == 0)
        return exit_status_of(end.exit_code);
    if (error->signal && !error->remark)
        maqet_error_remark(&error, "The guest agent may still run it");
    invocation_show_error(invocation, error);
    return exit_code_of(error, &end);
}

const struct command command_exec = {
    .name = "exec",
    .related = "cp fork ssh",
    .operands = {OPERAND_VM, OPERAND_GUEST_PROGRAM | OPERAND_REPEATED},
    .only_running = true,
    .summary = "Run a command in the guest, by its agent",
    .failure = MAQET_RUN_FAILED,
    .undoes = true,
    .undone = "The command was not run",
    .description =
        "Runs a command in the guest of a running VM by its qemu-guest-agent, as that "
        "agent's user, mostly root; no network is needed. Its output is printed when "
        "it has ended, at most 16 MiB of each stream. It gets all of maqet's standard "
        "input, and so begins when that has ended; a terminal is not read. Put -- before "
        "a command that has options; for pipes and variables, run a shell: "
        "sh -c '...'.\nThe exit status is that of the command (255 for one that is "
        "larger, as in Windows), or 128 and the number of the signal that has killed "
        "it; 124 after --timeout, 125 if maqet fails or the agent does not answer, 126 "
        "if the guest cannot run the command, 127 if it has none of that name. After "
        "--timeout and Ctrl-C, the command and the processes that it has started are "
        "ended.",
    .options = {{"timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",
                 .help = "how long the command and its input may take"},
                {"no-input", 'n', .help = "do not read standard input"},
                {"wait", 'w', .type = OPTION_SECONDS, .argument = "SECONDS",
                 .fallback = "10",
                 .help = "how long the guest agent may take to answer"}},
    .examples = {{"maqet exec myvm -- uname -r", "Run a command"},
                 {"maqet exec myvm -- sh -c 'cat >/etc/motd' <motd",
                  "Give it a file to read"}},
    .run = run,
};
