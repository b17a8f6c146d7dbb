/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/start.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/lifecycle/launching.h"
#include "core/lifecycle/pause.h"
#include "core/lifecycle/startable.h"
#include "core/machine/accel.h"
#include "core/machine/arguments.h"
#include "core/machine/drives.h"
#include "core/machine/ended.h"
#include "core/machine/generation.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/slots.h"
#include "core/machine/started.h"
#include "core/machine/store.h"
#include "core/storage/close.h"

/* The mark that the machine was started once, and the slots of its drives, are written
 * first, and reverted after a failure: if maqet is killed in between, the machine must not
 * seem never to have run, or have other slots. */
static int
launch_marked(struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_opened *machine = launching->machine;
    bool before = maqet_store_started(machine->context, machine->name);
    _cleanup_slots_ struct maqet_slots slots = {0};

    if (maqet_slots_load(machine->context, machine->name, &slots, err) < 0 ||
        maqet_store_started_set(machine->context, machine->name, err) < 0)
        return -1;
    if (maqet_launching_run(launching, err) == 0)
        return 0;
    maqet_slots_save(machine->context, machine->name, &slots, NULL);
    if (!before)
        maqet_store_started_clear(machine->context, machine->name);
    return -1;
}

/* A guest that is resumed has the slots of that time, sees that others may have been resumed from
 * there, and perhaps sees other images than its drives'. */
static int
prepare_resume(const struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_incoming *incoming = launching->incoming;
    struct maqet_vm *vm = launching->vm;

    if (!incoming)
        return 0;
    maqet_slots_copy(&vm->slots, incoming->slots);
    for (size_t i = 0; i < vm->drive_count; i++)
        for (size_t j = 0; j < incoming->shown_count; j++)
            if (strcmp(incoming->shown[j].drive, vm->drives[i]->name) == 0)
                vm->drives[i]->shown = &incoming->shown[j].image;
    return maqet_generation_renew(vm->context, vm->definition->name, err);
}

/* Does what is due after the machine's last end, if that was not possible before. Drives
 * that the machine no longer has do not prevent the start. */
static int
settle_last_end(const struct maqet_launching *launching, struct maqet_error **err)
{
    struct maqet_opened *machine = launching->machine;
    _cleanup_error_ struct maqet_error *reason = TAKE_PTR(machine->unsettled);

    if (!reason && maqet_ended_settle(machine->context, machine->name, &reason) == 0)
        return 0;
    if (maqet_ended_concerns(machine->context, machine->name,
                             launching->vm->definition)) {
        maqet_error_hint(&reason, "Remove the cause, and repeat the start; or remove the "
                                  "drive from the definition");
        return maqet_error_move(err, TAKE_PTR(reason));
    }
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, reason);
    return maqet_ended_forget(machine->context, machine->name, err);
}

/* After a start that failed. */
static void
settle_failed(const struct maqet_launching *launching)
{
    struct maqet_opened *machine = launching->machine;

    if (machine->run.pid == 0)
        maqet_ended_settle(machine->context, machine->name, &machine->unsettled);
}

/* Starts an opened machine that is stopped. Takes the definition. @consent may be NULL. */
static int
start(struct maqet_launching *launching, struct maqet_definition *definition,
      const struct maqet_drives_consent *consent, struct maqet_error **err)
{
    bool background = !launching->foreground;

    launching->vm = maqet_vm_new(launching->machine->context, definition, err);
    if (!launching->vm)
        return -1;
    if (prepare_resume(launching, err) < 0 || settle_last_end(launching, err) < 0 ||
        maqet_sandbox_check_user(launching->vm, err) < 0 ||
        maqet_vm_check_launchable(launching->vm, err) < 0 ||
        maqet_vm_arguments_check(launching->vm, background, err) < 0 ||
        maqet_argument_files_lock(launching->vm, &launching->locks, err) < 0)
        return -1;
    maqet_vm_arguments_warn(launching->vm, background);
    maqet_vm_accel_warn(launching->vm);
    maqet_vm_drives_warn(launching->vm);
    if (maqet_vm_drives_prepare(launching->vm, consent, err) == 0 &&
        maqet_launching_prepare(launching, err) == 0 &&
        launch_marked(launching, err) == 0)
        return 0;
    maqet_argument_locks_undo(&launching->locks);
    settle_failed(launching);
    return -1;
}

/* *running (may be NULL: that is an error): it runs as it should, and need not be started. */
static int
check_stopped(const struct maqet_opened *machine, bool *running, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    if (!machine->run.lost &&
        maqet_vm_check_paused(machine->context, machine->name, err) < 0)
        return -1;
    if (running && !machine->run.lost) {
        *running = true;
        return 0;
    }
    maqet_opened_error_running(machine, true, err);
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

/* Opens a machine, and starts it with its stored definition. The caller closes *machine,
 * after @launching. */
static int
start_stored(struct maqet_launching *launching, const struct maqet_context *context,
             const char *name, const struct maqet_drives_consent *consent,
             struct maqet_opened **machine, bool *running, struct maqet_error **err)
{
    *machine = maqet_open(context, name, MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER, err);
    launching->machine = *machine;
    if (!*machine || check_stopped(*machine, running, err) < 0)
        return -1;
    if (running && *running)
        return 0;
    struct maqet_definition *definition = maqet_opened_definition(*machine, err);
    return definition ? start(launching, definition, consent, err) : -1;
}

int
maqet_vm_start(const struct maqet_context *context, const char *name,
               const struct maqet_start *how, int *pid, bool *running,
               struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = NULL;
    _cleanup_launching_ struct maqet_launching launching =
        maqet_launching_new(how->timeout, false);

    launching.dies_with_us = how->dies_with_us;
    if (running)
        *running = false;
    if (start_stored(&launching, context, name, &how->consent, &machine, running, err) <
        0) {
        if (err && *err && (*err)->signal)
            maqet_error_remark(err, "It was not started");
        return -1;
    }
    if (pid)
        *pid = machine->run.pid;
    return 0;
}

int
maqet_vm_start_again(struct maqet_opened *machine, struct maqet_definition *definition,
                     const struct maqet_incoming *incoming, int64_t timeout,
                     struct maqet_error **err)
{
    _cleanup_launching_ struct maqet_launching launching =
        maqet_launching_new(timeout, false);

    launching.machine = machine;
    launching.incoming = incoming;
    launching.dies_with_us = incoming && incoming->dies_with_us;
    return start(&launching, definition, NULL, err);
}

/* ---- in the foreground ---- */

/* Waits for the end of QEMU. Signals that ask us to end press the guest's power button. */
static void
wait_for_end(struct maqet_launching *launching)
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
        /* Ctrl-C on the terminal has reached QEMU, too. */
        if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL)
            continue;
        _cleanup_error_ struct maqet_error *error = NULL;
        if (asked++ == 0 &&
            maqet_power_button_press(machine, MAQET_END_TIMEOUT, &error) == 0)
            continue;
        /* A guest whose disk is full can be resumed when there is space; a second signal
         * ends it. */
        if (error && error->code == MAQET_ERROR_NO_SPACE)
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s",
                              error->message);
        else
            maqet_pidfd_terminate(machine->run.pidfd);
    }
}

/* What ran beside QEMU may still have to write something, but a service manager kills it
 * when we end. Opening the machine waits for it; a process that has the machine's lock does
 * so itself. */
static void
wait_for_helpers(struct maqet_launching *launching)
{
    const struct maqet_opened *machine = launching->machine;

    close(TAKE_FD(launching->run_fd)); /* releases QEMU's lock */
    maqet_opened_close(maqet_open(machine->context, machine->name,
                                  MAQET_OPEN_TRY_LOCK | MAQET_OPEN_ALLOW_PENDING, NULL));
}

int
maqet_vm_run(const struct maqet_context *context, const char *name,
             const struct maqet_start *how, int *exit_code, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = NULL;
    _cleanup_launching_ struct maqet_launching launching =
        maqet_launching_new(how->timeout, true);
    int status = 0;

    if (start_stored(&launching, context, name, &how->consent, &machine, NULL, err) < 0)
        return -1;
    maqet_opened_unlock(machine);
    maqet_drives_close();
    maqet_notify("READY=1");
    wait_for_end(&launching);
    waitpid(machine->run.pid, &status, 0);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    /* `stop --force` is not a failure, or a service manager would restart it. */
    if (faccessat(machine->run.dir_fd, MAQET_RUN_FORCED, F_OK, 0) == 0)
        *exit_code = 0;
    wait_for_helpers(&launching);
    return 0;
}
