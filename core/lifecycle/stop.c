/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/procfs.h"
#include "core/machine/exports.h"
#include "core/machine/opened.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/qemu/launch.h"
#include "core/qemu/silence.h"

/* ms between two presses of the power button, and for QEMU to answer one: at most, and at
 * least, as the user's timeout, which may be 0, is for the guest. */
static const int64_t PRESS_INTERVAL = 8000;
static const int64_t PRESS_TIMEOUT = 5000;
static const int64_t PRESS_TIMEOUT_LEAST = 1000;

/*
 * Removes what QEMU has left. A killed QEMU leaves its PID file, which would look like a
 * crash; all else is replaced by the next start. So if we have @ended QEMU, we do not wait
 * for the lock; nor do we wait for an export, which may have it for hours. We do wait for a
 * start in progress, since that is to be stopped. Returns 1 if the machine was started
 * meanwhile.
 */
static int
tidy_run_folder(const struct maqet_opened *stopped, bool ended, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    const char *name = stopped->name;
    bool exporting = maqet_exports_any(stopped->context, name);
    struct maqet_context patience = *stopped->context;

    if (exporting || ended)
        patience.lock_timeout = 0;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&patience, name, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING, &reason);
    bool locked = machine;
    if (!locked && !ended &&
        !(reason->code == MAQET_ERROR_TIMEOUT &&
          (exporting || maqet_exports_any(stopped->context, name))))
        return maqet_error_move(err, TAKE_PTR(reason));
    if (!locked)
        machine = maqet_open(stopped->context, name, 0, err);
    if (!machine || machine->run.pid > 0)
        return machine ? 1 : -1;
    /* QEMU's own folder, which is not found otherwise if the data folder was moved. */
    const struct maqet_run *run = ended ? &stopped->run : &machine->run;
    if (run->dir_fd >= 0 && locked) {
        maqet_run_tidy(run->dir_fd);
        maqet_run_remove_servers(run->folder);
    } else if (run->dir_fd >= 0) {
        unlinkat(run->dir_fd, MAQET_RUN_PID, 0);
    }
    return 0;
}

static int64_t
shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits for the guest to power off, and presses the button again at intervals, as a guest
 * that is still booting ignores it. *reason is why the last press failed. */
static bool
wait_for_end(const struct maqet_opened *machine, const struct maqet_stop *stop,
             struct maqet_deadline deadline, struct maqet_error **reason)
{
    struct pollfd fds[] = {{.fd = machine->run.pidfd, .events = POLLIN},
                           {.fd = maqet_interrupt_fd(), .events = POLLIN}};
    int64_t again = maqet_now() + PRESS_INTERVAL;

    for (;;) {
        poll(fds, 2, (int)shorter(maqet_deadline_left(deadline), 1000));
        if (maqet_pidfd_wait(machine->run.pidfd, 0))
            return true;
        if (maqet_interrupt_check(NULL) < 0)
            return false;
        int64_t left = maqet_deadline_left(deadline);
        if (left == 0)
            return false;
        if (stop->waiting)
            stop->waiting(stop->data, machine->name, left);
        if (maqet_now() >= again) {
            maqet_error_clear(reason);
            maqet_power_button_press(machine, shorter(left, PRESS_TIMEOUT), reason);
            if (*reason && (*reason)->signal)
                return false;
            again = maqet_now() + PRESS_INTERVAL;
        }
    }
}

/* @is_silent: it has not answered. */
static int
end_by_force(const struct maqet_opened *machine, bool is_silent, struct maqet_error **err)
{
    const struct maqet_run *run = &machine->run;
    /* Tells a process that waits for the end of QEMU that it was requested. */
    _cleanup_close_ int mark =
        run->dir_fd < 0 ? -1
                        : openat(run->dir_fd, MAQET_RUN_FORCED,
                                 O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (mark < 0 && run->dir_fd >= 0)
        return maqet_error_errno(err, errno, "Cannot write to the run folder");
    maqet_qemu_end(run->pidfd, is_silent ? MAQET_FLUSH_TIMEOUT : MAQET_END_TIMEOUT);
    if (maqet_pidfd_wait(run->pidfd, 0))
        return 0;
    return maqet_silence_error_survived(machine->name, run->pidfd, err);
}

/* The guest cannot power off, however long one waits. */
static int
error_full(const char *name, const struct maqet_error *reason, struct maqet_error **err)
{
    maqet_error_copy(err, reason);
    return maqet_error_next(err, MAQET_NEXT_END_LOSING, name, NULL);
}

/* @reason: why the power button could not be pressed; NULL: it was pressed. */
static int
error_still_runs(const char *name, const struct maqet_stop *stop,
                 const struct maqet_error *reason, struct maqet_error **err)
{
    bool silent = reason && reason->silent;

    if (reason && reason->code == MAQET_ERROR_NO_SPACE)
        return error_full(name, reason, err);
    maqet_error_set(
        err, MAQET_ERROR_TIMEOUT, "VM '%s' did not power off within %.0f s%s%s", name,
        (double)stop->timeout / 1000, silent ? ": " : "", silent ? reason->message : "");
    if (silent) {
        maqet_error_hints(err, reason);
        return -1;
    }
    maqet_error_next(err, MAQET_NEXT_STOP_SLOWER, name, NULL);
    return maqet_error_next(err, MAQET_NEXT_END, name, NULL);
}

/* The user has given up; *reason, if it has the signal, is taken. */
static int
error_interrupted(const char *name, struct maqet_error **reason, struct maqet_error **err)
{
    if (*reason && (*reason)->signal)
        maqet_error_move(err, TAKE_PTR(*reason));
    return maqet_error_wrap(err, "VM '%s'", name);
}

/* Presses the button and waits, then ends QEMU by force if that was requested. */
static int
end_machine(const struct maqet_opened *machine, const struct maqet_stop *stop,
            struct maqet_error **err)
{
    const char *name = machine->name;
    _cleanup_error_ struct maqet_error *reason = NULL;
    const struct maqet_deadline deadline = maqet_deadline_in(stop->timeout);
    int64_t patience = stop->timeout < PRESS_TIMEOUT_LEAST
                           ? PRESS_TIMEOUT_LEAST
                           : shorter(stop->timeout, PRESS_TIMEOUT);

    if (stop->timeout == 0 && stop->force)
        return end_by_force(machine, false, err);
    bool pressed = maqet_power_button_press(machine, patience, &reason) == 0;
    if (!pressed && reason->code != MAQET_ERROR_STATE) {
        bool full = reason->code == MAQET_ERROR_NO_SPACE;

        if (reason->signal)
            return error_interrupted(name, &reason, err);
        if (full && !stop->force)
            return error_full(name, reason, err);
        /* A QEMU that does not answer cannot press the button, and a guest that is paused
         * by a full disk does not see it. */
        if ((reason->silent || full) && stop->force) {
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s; ending it now",
                              reason->message);
            return end_by_force(machine, reason->silent, err);
        }
        if (!reason->silent)
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                              "Could not press the power button of VM '%s': %s", name,
                              reason->message);
    }
    /* The guest may still power off by itself. */
    if (wait_for_end(machine, stop, deadline, &reason))
        return 0;
    if ((reason && reason->signal) || maqet_interrupt_check(err) < 0) {
        error_interrupted(name, &reason, err);
        if (pressed)
            maqet_error_remark(err, "Its power button has been pressed: the guest may "
                                    "still power off");
        return -1;
    }
    return stop->force ? end_by_force(machine, reason && reason->silent, err)
                       : error_still_runs(name, stop, reason, err);
}

int
maqet_vm_stop(const struct maqet_context *context, const char *name_or_uuid,
              const struct maqet_stop *stop, bool *was_running, struct maqet_error **err)
{
    /* Repeated if the machine was not running at first, but a start that was in progress has
     * completed by the time that we had the lock. */
    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(context, name_or_uuid, 0, err);

        if (!machine || (machine->run.pid > 0 && end_machine(machine, stop, err) < 0))
            return -1;
        bool ended = machine->run.pid > 0;
        int again = tidy_run_folder(machine, ended, &reason);
        if (!ended && again > 0)
            continue;
        if (was_running)
            *was_running = ended;
        if (again < 0 && !ended)
            return maqet_error_move(err, TAKE_PTR(reason));
        /* QEMU has ended, as requested. What is left in the run folder is removed by the
         * next command, or with the machine by a process that is just removing it. */
        if (again < 0)
            maqet_context_say(context, MAQET_LEVEL_DEBUG, "Could not clean up: %s",
                              reason->message);
        return 0;
    }
}
