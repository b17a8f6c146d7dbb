/* SPDX-License-Identifier: MIT */
/*
 * foreground.c - a start that stays: QEMU has our terminal, and we wait for its end.
 */
#include "core/lifecycle/foreground.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/base/sockets.h"
#include "core/base/pidfd.h"
#include "core/lifecycle/launching.h"
#include "core/machine/power_button.h"
#include "core/machine/run.h"

/* Waits for QEMU's end; signals that mean "end" are handed on as the guest's power
 * button. */
static void
attend(struct maqet_launching *launching)
{
    const struct maqet_opened *machine = launching->machine;
    struct pollfd fds[2] = {{.fd = machine->run.pidfd, .events = POLLIN},
                            {.fd = launching->signal_fd, .events = POLLIN}};
    int asked = 0;

    while (!fds[0].revents) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, -1) < 0 || !fds[1].revents)
            continue;
        if (read(launching->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
            continue;
        /* Ctrl-C on the terminal has reached QEMU too, which knows what to do. */
        if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL)
            continue;
        _cleanup_error_ struct maqet_error *error = NULL;
        if (asked++ == 0 &&
            maqet_power_button_press(machine, MAQET_END_TIMEOUT, &error) == 0)
            continue;
        /* A guest whose disk is full can go on when there is room; who is in a hurry asks
         * twice. */
        if (error && error->code == MAQET_ERROR_NO_SPACE)
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s",
                              error->message);
        else
            maqet_pidfd_terminate(machine->run.pidfd);
    }
}

/* What ran beside QEMU may have something to write yet, and a service manager kills what
 * is left when we end: opening the machine ends it. Whoever has the machine's lock waits
 * for it himself. */
static void
await_helpers(struct maqet_launching *launching)
{
    const struct maqet_opened *machine = launching->machine;

    close(TAKE_FD(launching->run_fd)); /* as which we have QEMU's lock, too */
    maqet_opened_close(maqet_open(machine->context, machine->name,
                                  MAQET_OPEN_TRY_LOCK | MAQET_OPEN_ALLOW_PENDING, NULL));
}

int
maqet_vm_run(const struct maqet_context *context, const char *name,
             const struct maqet_start *how, int *exit_code, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_start_open(context, name, err);
    _cleanup_launching_ struct maqet_launching launching =
        maqet_launching_new(how->timeout, true);
    int status = 0;

    launching.machine = machine;
    if (!machine || maqet_start_stored(&launching, &how->consent, err) < 0)
        return -1;
    maqet_opened_unlock(machine);
    maqet_notify("READY=1");
    attend(&launching);
    waitpid(machine->run.pid, &status, 0);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    /* That a person had it killed is no failure: a service manager would bring it back.
     */
    if (faccessat(machine->run.dir_fd, MAQET_RUN_FORCED, F_OK, 0) == 0)
        *exit_code = 0;
    await_helpers(&launching);
    return 0;
}
