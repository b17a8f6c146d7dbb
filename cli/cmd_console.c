/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cli/invocation.h"
#include "cli/raw.h"
#include "core/base/child.h"
#include "core/base/relay.h"
#include "core/machine/console.h"

enum { ESCAPE = 0x1d /* Ctrl-] */, SIGNAL_BASE = 128 };

/* The exit code for a signal that asks us to end. */
static int
signal_code(int signals)
{
    struct signalfd_siginfo info;

    return read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)
               ? SIGNAL_BASE + (int)info.ssi_signo
               : 0;
}

/* Says why the connection has ended: with the guest, or before it. */
static void
say_closed(const struct invocation *invocation, const char *name)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, name, 0, NULL);

    if (machine && machine->run.pid > 0)
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "The connection to the console of VM '%s' is lost", name);
    else
        maqet_context_say(&invocation->context, MAQET_LEVEL_INFO, "VM '%s' has ended",
                          name);
}

/* Relays until something ends it. Returns the exit code. */
static int
relay(const struct invocation *invocation, const char *name, int peer, bool terminal,
      struct maqet_error **err)
{
    sigset_t signals_before;
    _cleanup_close_ int signals = maqet_signals_hold(&signals_before);
    const struct maqet_relay how = {
        .peer = peer,
        .input = STDIN_FILENO,
        .output = STDOUT_FILENO,
        .escape = terminal ? ESCAPE : -1,
        .signals = signals,
        .quiet = terminal ? -1 : invocation_milliseconds(invocation, "quiet-for"),
    };

    signal(SIGPIPE, SIG_IGN);
    if (terminal && raw_begin(err) < 0)
        return -1;
    enum maqet_relay_end end = maqet_relay_run(&how);
    raw_end();
    if (terminal)
        output_text("\n");
    if (end == MAQET_RELAY_CLOSED)
        say_closed(invocation, name);
    return end == MAQET_RELAY_SIGNALLED ? signal_code(signals) : 0;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    bool terminal = isatty(STDIN_FILENO);
    struct maqet_opened *machine = maqet_open(
        &invocation->context, invocation->operands.items[0], MAQET_OPEN_RUNNING, err);
    _cleanup_close_ int peer = machine ? maqet_console_connect(machine, err) : -1;
    _cleanup_free_ char *name = machine ? maqet_strdup(machine->name) : NULL;

    maqet_opened_close(machine);
    if (peer < 0)
        return -1;
    if (terminal)
        maqet_context_say(&invocation->context, MAQET_LEVEL_INFO,
                          "Console of VM '%s': Ctrl-] leaves it, Enter shows the prompt",
                          name);
    return relay(invocation, name, peer, terminal, err);
}

const struct command command_console = {
    .name = "console",
    .related = "exec logs ssh",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_VM},
    .only_running = true,
    .summary = "Connect the terminal to a guest's serial console",
    .description =
        "Every key goes to the guest, except Ctrl-], which ends the connection. What the "
        "guest writes is shown unchanged, beginning with its last line if that is "
        "unfinished, such as a prompt. Several terminals can be connected at the same "
        "time; all of them see the same, and may type. The connection ends when QEMU "
        "does.\nIf standard input is not a terminal, it is sent to the guest, and the "
        "guest's output is written to standard output, both unchanged. After the end of "
        "the input, the command ends when the guest has been silent for the time of "
        "--quiet-for. To follow the output without typing, use 'maqet logs "
        "--follow'.\nThe guest decides what its console shows: it can change the "
        "terminal's colours and title, as any program can.",
    .options = {{"quiet-for", .type = OPTION_SECONDS, .argument = "SECONDS",
                 .fallback = "1",
                 .help = "without a terminal: how long the guest must be silent after "
                         "the end of the input before the command ends"}},
    .examples =
        {{"maqet console myvm", "Log in on the serial console"},
         {"maqet console myvm --quiet-for 5",
          "From a script: type what standard input has, and read what the guest writes "
          "until it pauses for five seconds"}},
    .run = run,
};
