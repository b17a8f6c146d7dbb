/* SPDX-License-Identifier: MIT */
#include "core/fork/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/interrupt.h"
#include "core/base/procfs.h"
#include "core/fork/command.h"
#include "core/fork/discard.h"
#include "core/fork/shown.h"
#include "core/fork/warnings.h"
#include "core/fork/watch.h"
#include "core/machine/console.h"
#include "core/machine/forks.h"
#include "core/machine/keeper.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/machine/unlike.h"
#include "core/storage/close.h"

/* How many runs of a machine there may be at a time. */
enum { RUNS_MAX = 10000 };

struct run {
    const struct maqet_run_request *request;
    struct maqet_forking forking; /* of the source, until the fork runs */
    struct maqet_fork_shown shown;
    struct maqet_opened *machine; /* the fork; NULL: it is not stored */
    char *uuid;                   /* of the fork: another VM may have got its name */
    int held;                     /* maqet_fork_hold() */
    pid_t qemu;                   /* our child; 0: it does not run */
    int pidfd;
    int *inherited; /* the descriptors that a command gets from our caller */
    size_t inherited_count;
};

/* ---- the fork ---- */

/* Whether all that the guest can write to is a drive or a share, so that it can be discarded. */
static int
check_writable(const struct run *run, struct maqet_error **err)
{
    const struct maqet_loading *loading = &run->forking.loading;

    if (loading->about.flash.count == 0)
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_UNSUPPORTED,
        "The guest of VM '%s' can write to %s besides its drives: this cannot "
        "be discarded",
        loading->session->machine->name, loading->about.flash.items[0]);
    maqet_error_hint(err, "If it has the variables of UEFI, say `firmware: uefi` in its "
                          "definition instead, so that they are a drive, start it again, "
                          "and create a new checkpoint");
    return -1;
}

static int
open_source(struct run *run, struct maqet_error **err)
{
    struct maqet_forking *forking = &run->forking;
    const struct maqet_checkpoint_request loading = {
        .vm = run->request->vm, .name = run->request->checkpoint, .forks = true};

    if (maqet_loading_open(forking->context, &loading, &forking->loading, err) < 0)
        return -1;
    struct maqet_session *session = forking->loading.session;
    if (check_writable(run, err) < 0 ||
        maqet_unlike_check_together(session->machine->vm->definition, err) < 0 ||
        maqet_clone_plan_make(session, loading.name, MAQET_CLONE_SHOWN, &forking->plan,
                              err) < 0 ||
        maqet_fork_check_readable(forking, err) < 0)
        return -1;
    /* Of a list, only what is checked before it. */
    if (run->request->output < 0)
        maqet_fork_warn(forking);
    return 0;
}

/* "VM-run-1", within the length that a name may have. The caller frees. */
static char *
run_name(const struct run *run, unsigned number)
{
    return maqet_format("%.50s-run-%u", run->forking.loading.session->machine->name,
                        number);
}

/* Whether that machine is the fork: somebody may have removed it, and its name is free then. */
static int
check_same(const struct run *run, const struct maqet_opened *machine,
           struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(machine, err);

    if (!definition)
        return -1;
    return definition->uuid && strcmp(definition->uuid, run->uuid) == 0
               ? 0
               : maqet_error_set(err, MAQET_ERROR_MISSING,
                                 "The run '%s' was removed meanwhile", machine->name);
}

/* Stores the fork by the first name that is free, and opens it. Nobody else removes it meanwhile: it is held from
 * the moment in which it has its name. */
static int
add(struct run *run, struct maqet_error **err)
{
    struct maqet_forking *forking = &run->forking;
    const struct maqet_context *context = forking->context;
    _cleanup_free_ char *name = NULL;

    for (unsigned i = 1; !name; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        name = run_name(run, i);
        if (!maqet_store_has(context, name) &&
            maqet_fork_add(forking, name, NULL, &run->held, &run->uuid, &reason) == 0)
            break;
        free(TAKE_PTR(run->uuid));
        if (run->held >= 0)
            close(TAKE_FD(run->held));
        if (reason && reason->code != MAQET_ERROR_EXISTS)
            return maqet_error_move(err, TAKE_PTR(reason));
        if (i == RUNS_MAX)
            return maqet_error_set(err, MAQET_ERROR_EXISTS, "There are %d runs already",
                                   RUNS_MAX);
        free(TAKE_PTR(name));
    }
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name,
                   MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING | MAQET_OPEN_FOLDER, err);
    if (!machine || check_same(run, machine, err) < 0)
        return -1;
    run->machine = TAKE_PTR(machine);
    return 0;
}

/* QEMU may start without the lock of the source, whose checkpoint its fork keeps from being deleted;
 * unless it must be let open the memory, which nobody else must prevent meanwhile. Nothing that is
 * written need survive a power failure. */
static int
start(struct run *run, struct maqet_error **err)
{
    struct maqet_forking *forking = &run->forking;
    struct maqet_loading *loading = &forking->loading;
    struct maqet_incoming incoming = loading->incoming;

    incoming.shown = run->shown.items;
    incoming.shown_count = run->shown.count;
    incoming.dies_with_us = true;
    if (maqet_loading_let_open(loading, true, err) < 0)
        return -1;
    maqet_monitor_leave(loading->session->machine);
    if (!maqet_loading_must_be_let(loading))
        maqet_opened_unlock(loading->session->machine);
    struct maqet_durable *before = maqet_durable_postpone(&forking->written);
    int result = maqet_fork_start(forking, run->machine, incoming, err);
    maqet_durable_postpone(before);
    maqet_durable_forget(&forking->written);
    maqet_loading_let_open(loading, false, NULL);
    if (result < 0)
        return -1;
    run->qemu = run->machine->run.pid;
    run->pidfd = maqet_pidfd_open(run->qemu);
    return run->pidfd < 0 ? maqet_error_errno(err, errno, "Cannot watch QEMU") : 0;
}

static void
forking_clear(struct maqet_forking *forking)
{
    maqet_clone_plan_clear(&forking->plan);
    maqet_loading_clear(&forking->loading);
    maqet_durable_forget(&forking->written);
    forking->loading = MAQET_LOADING_INIT;
}

static int
begin(struct run *run, struct maqet_error **err)
{
    if (open_source(run, err) < 0 || add(run, err) < 0 ||
        maqet_fork_show(&run->forking, run->machine->run.folder, &run->shown, err) < 0 ||
        start(run, err) < 0)
        return -1;
    maqet_opened_unlock(run->machine);
    forking_clear(&run->forking);
    maqet_drives_close();
    return 0;
}

/* ---- its end ---- */

static int
remove_fork(struct run *run, struct maqet_error **err)
{
    const struct maqet_context *context = run->forking.context;
    const char *console_log = run->request->console_log;
    _cleanup_opened_ struct maqet_opened *machine = NULL;

    /* Our own may not be locked any more. */
    if (run->machine->lock < 0)
        machine = maqet_open(context, run->machine->name,
                             MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING, err);
    struct maqet_opened *locked = run->machine->lock < 0 ? machine : run->machine;
    if (!locked || check_same(run, locked, err) < 0 || maqet_opened_look(locked, err) < 0)
        return -1;
    if (locked->run.pid > 0)
        return maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is running again",
                               locked->name);
    if (console_log && locked->run.dir_fd >= 0)
        maqet_keeper_settle(locked->run.dir_fd);
    if (console_log &&
        maqet_console_log_save(locked, console_log, 0666 & ~run->request->umask, err) < 0)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, *err);
    maqet_error_clear(err);
    return maqet_fork_remove(locked, err);
}

/* Ends all that runs, and leaves nothing. */
static void
run_clear(struct run *run)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_interrupt_defer(true);
    if (run->qemu > 0) {
        kill(run->qemu, SIGKILL); /* our child: its number is its own */
        waitpid(run->qemu, NULL, 0);
    }
    maqet_fork_shown_clear(&run->shown);
    if (run->machine && remove_fork(run, &error) < 0 &&
        error->code != MAQET_ERROR_MISSING)
        maqet_context_say_error(run->forking.context, MAQET_LEVEL_WARNING, error);
    maqet_interrupt_defer(false);
    maqet_opened_close(run->machine);
    maqet_cleanup_close(&run->held);
    maqet_cleanup_close(&run->pidfd);
    forking_clear(&run->forking);
    free(run->inherited);
    free(run->uuid);
}

/* ---- without a command ---- */

static int
error_ended(const char *name, int status, struct maqet_error **err)
{
    if (WIFSIGNALED(status))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU of VM '%s' was killed by signal %d (%s)", name,
                               WTERMSIG(status), strsignal(WTERMSIG(status)));
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU of VM '%s' exited with status %d", name,
                           WEXITSTATUS(status));
}

/* The guest runs until it powers off. */
static int
run_guest(struct run *run, int *exit_code, struct maqet_error **err)
{
    const char *name = run->machine->name;
    const struct maqet_fork_watch watch = {.machine = run->machine,
                                           .pidfd = run->pidfd,
                                           .timeout = run->request->timeout,
                                           .alone = true};
    int number, status = 0;
    bool late;

    if (!maqet_fork_watch(&watch, &number, &late, err)) {
        if (late)
            return maqet_fork_error_late("The guest", watch.timeout, exit_code, err);
        if (number == 0)
            return -1;
        *exit_code = 128 + number;
        return 0;
    }
    waitpid(run->qemu, &status, 0);
    run->qemu = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_ended(name, status, err);
    *exit_code = 0;
    return 0;
}

/* ---- all of it ---- */

static struct run
run_new(const struct maqet_context *context, const struct maqet_run_request *request)
{
    return (struct run){.request = request,
                        .forking = {.context = context,
                                    .loading = MAQET_LOADING_INIT,
                                    .discard = true,
                                    .shows = true,
                                    .timeout = request->answer_timeout},
                        .held = -1,
                        .pidfd = -1};
}

int
maqet_vm_run_check(const struct maqet_context *context,
                   const struct maqet_run_request *request, struct maqet_error **err)
{
    _cleanup_(run_clear) struct run run = run_new(context, request);

    if (open_source(&run, err) < 0)
        return -1;
    _cleanup_free_ char *name = run_name(&run, 1);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_fork_define(&run.forking, name, err);
    return definition ? 0 : -1;
}

int
maqet_vm_run_forked(const struct maqet_context *context,
                    const struct maqet_run_request *request, int *exit_code,
                    struct maqet_error **err)
{
    _cleanup_(run_clear) struct run run = run_new(context, request);

    *exit_code = MAQET_RUN_FAILED;
    /* Before a plugin is loaded, which may open others. */
    run.inherited_count = maqet_child_inherited(&run.inherited);
    if (begin(&run, err) < 0)
        return -1;
    if (!request->argv)
        return run_guest(&run, exit_code, err);
    if (request->begins)
        request->begins(request->data);
    const struct maqet_fork_command command = {.request = request,
                                               .machine = run.machine,
                                               .inherited = run.inherited,
                                               .inherited_count = run.inherited_count};
    return maqet_fork_command_run(&command, exit_code, err);
}
