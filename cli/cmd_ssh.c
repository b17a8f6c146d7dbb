/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "cli/invocation.h"
#include "core/guest/ssh.h"

/* ssh becomes this process, so the terminal, signals and its exit code are its own. */
static int
become_ssh(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        &invocation->context, invocation->operands.items[0], MAQET_OPEN_RUNNING, err);

    if (!machine || maqet_ssh_words(machine, &argv, err) < 0)
        return -1;
    for (size_t i = 1; i < invocation->operands.count; i++)
        maqet_strings_add(&argv, invocation->operands.items[i]);
    signal(SIGXFSZ, SIG_DFL);
    umask(invocation->umask);
    execv(argv.items[0], argv.items);
    return maqet_error_errno(err, errno, "Cannot run ssh");
}

const struct command command_ssh = {
    .name = "ssh",
    .related = "wait ssh(1)",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_VM, OPERAND_GUEST_PROGRAM | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .only_running = true,
    .summary = "Log in to the guest, or run a command there, by ssh",
    .failure = 255, /* as that of ssh(1) */
    .description =
        "Runs ssh(1) to log in to the guest of a running VM: with the user and the key "
        "that `ssh` in the VM's definition names, and through the port of this host that "
        "leads to the guest's SSH server. The host keys of that server are remembered in "
        "a file that belongs to this VM alone. Put -- before a command that has options; "
        "as with ssh, the shell of the guest's user interprets the command. The exit "
        "status is that of ssh, or 255 if maqet fails.",
    .examples = {{"maqet ssh myvm", "Log in"},
                 {"maqet ssh myvm -- tail -f /var/log/syslog", "Run a command"}},
    .run = become_ssh,
};
