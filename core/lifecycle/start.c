/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/deadline.h"
#include "core/base/files.h"
#include "core/base/notify.h"
#include "core/base/pidfd.h"
#include "core/base/process.h"
#include "core/lifecycle/lifecycle.h"
#include "core/lifecycle/pause.h"
#include "core/lifecycle/startable.h"
#include "core/machine/accel.h"
#include "core/machine/argument_files.h"
#include "core/machine/arguments.h"
#include "core/machine/command_line.h"
#include "core/machine/drives.h"
#include "core/machine/helpers.h"
#include "core/machine/holders.h"
#include "core/machine/run.h"
#include "core/machine/sandbox.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "core/qemu/migration.h"
#include "core/qemu/qmp.h"
#include "core/qemu/version.h"

/* What a start holds while it is under way. */
struct starting {
    const struct maqet_context *context;
    struct maqet_vm *vm;
    const struct maqet_incoming *incoming; /* NULL: the guest boots */
    bool foreground;
    int64_t timeout; /* ms that QEMU has to answer all that it is asked */
    struct maqet_drives_consent consent;
    struct maqet_deadline deadline; /* that begins when it is run */
    struct maqet_run run;           /* its folder; and the run file, locked for QEMU */
    int monitor_fd;                 /* listening sockets */
    int socket_fd;                  /* that of the monitor, as a file */
    int agent_fd;
    int log_fd;
    int signal_fd; /* in the foreground: signals that mean "end", kept from us */
    sigset_t signals_before;
    struct maqet_helpers helpers;
    struct maqet_argument_locks locks;
    struct maqet_process process;
};

static struct starting
starting_new(const struct maqet_context *context, int64_t timeout, bool foreground)
{
    return (struct starting){
        .context = context,
        .foreground = foreground,
        .timeout = timeout,
        .run = MAQET_RUN_INIT,
        .monitor_fd = -1,
        .socket_fd = -1,
        .agent_fd = -1,
        .log_fd = -1,
        .signal_fd = -1,
        .helpers = MAQET_HELPERS_INIT,
        .locks = MAQET_ARGUMENT_LOCKS_INIT,
        .process.pidfd = -1,
    };
}

static void
starting_clear(struct starting *starting)
{
    const int fds[] = {starting->monitor_fd, starting->socket_fd,
                       starting->agent_fd,   starting->log_fd,
                       starting->signal_fd,  starting->process.pidfd};

    if (starting->signal_fd >= 0)
        sigprocmask(SIG_SETMASK, &starting->signals_before, NULL);

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    maqet_run_clear(&starting->run);
    maqet_helpers_clear(&starting->helpers);
    maqet_argument_locks_clear(&starting->locks);
    maqet_vm_free(starting->vm);
}

static int
listen_sockets(struct starting *starting, struct maqet_error **err)
{
    starting->monitor_fd = maqet_run_listen(starting->run.dir_fd, MAQET_RUN_MONITOR, err);
    if (starting->monitor_fd < 0)
        return -1;
    starting->socket_fd =
        openat(starting->run.dir_fd, MAQET_RUN_MONITOR, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (starting->socket_fd < 0)
        return maqet_error_errno(err, errno, "Can't open the monitor's socket");
    if (!maqet_vm_has_agent(starting->vm))
        return 0;
    starting->agent_fd = maqet_run_listen(starting->run.dir_fd, MAQET_AGENT_SOCKET, err);
    return starting->agent_fd < 0 ? -1 : 0;
}

/* Opens the run folder and makes sure that the machine does not run. A QEMU that is just
 * ending is waited for, since nobody has to know that its lock outlives it by an instant.
 * What ran beside a QEMU that has ended may still have the drives open. */
static int
enter_run_dir(struct starting *starting, const char *name, struct maqet_error **err)
{
    struct maqet_run *run = &starting->run;

    if (maqet_run_open(starting->context, name, run, err) < 0)
        return -1;
    if (run->pid == 0) {
        maqet_run_sweep(run->dir_fd);
        /* Servers that are to serve this one run by now. */
        if (!starting->incoming || !starting->incoming->served)
            maqet_run_remove_servers(run->folder);
        return 0;
    }
    if (!run->lost && maqet_vm_check_paused(starting->context, name, err) < 0)
        return -1;
    _cleanup_free_ char *text = maqet_run_text(run);
    maqet_error_set(err, MAQET_ERROR_STATE, "Virtual machine '%s' is running already %s",
                    name, text);
    maqet_error_hint(err, "Stop it first: maqet stop %s", name);
    return -1;
}

/* From here on, a signal that means "end" is for the guest; until here it stops a start.
 */
static int
hold_signals(struct starting *starting, struct maqet_error **err)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    starting->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    if (starting->signal_fd < 0)
        return maqet_error_errno(err, errno, "Can't watch for signals");
    sigprocmask(SIG_BLOCK, &ends, &starting->signals_before);
    return 0;
}

/* What was put there goes again. */
static int
fail_furnishing(struct starting *starting)
{
    maqet_run_tidy(starting->run.dir_fd);
    return -1;
}

/* Puts into the folder what QEMU will inherit. */
static int
furnish_run_dir(struct starting *starting, struct maqet_error **err)
{
    int taken = maqet_lock_try(starting->run.run_fd, err);

    /* It was free a moment ago, and we have the machine's lock. */
    if (taken <= 0)
        return taken < 0
                   ? -1
                   : maqet_error_set(err, MAQET_ERROR_STATE,
                                     "Virtual machine '%s': another program has its run "
                                     "file locked",
                                     starting->vm->definition->name);
    /* No PID as yet; and there is room for it on a full disk. */
    if (pwrite(starting->run.run_fd, "0\n", 2, 0) != 2 ||
        ftruncate(starting->run.run_fd, 2) < 0)
        return maqet_error_errno(err, errno, "Can't write the run file");
    maqet_run_tidy(starting->run.dir_fd);
    unlinkat(starting->run.dir_fd, MAQET_RUN_FORCED, 0);
    if (maqet_run_note_folder(starting->context, starting->vm->definition->name,
                              &starting->run, err) < 0 ||
        maqet_running_save(starting->run.folder, starting->vm->definition, err) < 0)
        return -1;
    if (starting->foreground) {
        if (hold_signals(starting, err) < 0)
            return -1;
    } else {
        starting->log_fd =
            openat(starting->run.dir_fd, "qemu.log",
                   O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (starting->log_fd < 0)
            return maqet_error_errno(err, errno, "Can't make QEMU's log");
    }
    return listen_sockets(starting, err) < 0 ||
                   maqet_helpers_prepare(starting->vm, starting->run.dir_fd,
                                         &starting->helpers, err) < 0
               ? fail_furnishing(starting)
               : 0;
}

/* What the kernel denied it, it can't tell from a file that its user may not open. */
static void
add_denial_hint(int dir_fd, const char *words, struct maqet_error **err)
{
    _cleanup_free_ char *hint =
        strstr(words, "Permission denied") ? maqet_sandbox_hint(dir_fd) : NULL;

    if (hint)
        maqet_error_hint(err, "%s", hint);
}

/* QEMU ended by itself: its own words, or ours where they tell more. One that is too old
 * ends over an argument that it doesn't know before it can greet us with its version. */
static int
error_ended(struct starting *starting, const char *program, int status,
            struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_run_last_words(starting->log_fd);
    struct stat log;

    if (maqet_qemu_version_check_program(program, err) < 0)
        return -1;
    maqet_launch_error(status, words, err);
    add_denial_hint(starting->run.dir_fd, words, err);
    if (starting->log_fd >= 0 && fstat(starting->log_fd, &log) == 0 &&
        (size_t)log.st_size > strlen(words) + 1)
        maqet_error_remark(err, "All that QEMU said is in %s/qemu.log",
                           starting->run.folder);
    return -1;
}

/* It did not answer, and was ended: what could be done about one that runs is of no use.
 * Takes the reason. Returns -1. */
static int
error_silent(const struct starting *starting, struct maqet_error *reason, bool gone,
             struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s. %s", reason->message,
                    gone ? "It was ended" : "It survived SIGKILL so far (stuck in I/O)");
    maqet_error_hint(err, "Give it more time: --wait SECONDS (it was %.0f)",
                     (double)starting->timeout / 1000);
    maqet_error_free(reason);
    return -1;
}

/* QEMU did not come up: ends it, tidies up, and finds the words that tell why. */
static int
fail_start(struct starting *starting, const char *program, struct maqet_error *reason,
           struct maqet_error **err)
{
    const char *name = starting->vm->definition->name;
    /* A connection that broke is the first sign of an end that takes a moment longer. */
    bool ended =
        maqet_pidfd_wait(starting->process.pidfd,
                         reason->code == MAQET_ERROR_STATE ? MAQET_END_TIMEOUT : 0);
    int status = 0;

    if (!ended)
        maqet_qemu_end(starting->process.pidfd,
                       reason->silent ? MAQET_FLUSH_TIMEOUT : MAQET_END_TIMEOUT);
    /* One that waits for its storage may survive even SIGKILL for a while. */
    bool gone = ended || maqet_pidfd_wait(starting->process.pidfd, 0);
    waitpid(starting->process.pid, &status, gone ? 0 : WNOHANG);
    if (gone)
        maqet_run_tidy(starting->run.dir_fd);
    if (ended) {
        maqet_error_free(reason);
        error_ended(starting, program, status, err);
    } else if (reason->silent) {
        error_silent(starting, reason, gone, err);
    } else {
        maqet_error_move(err, reason);
    }
    maqet_error_wrap(err, "Virtual machine '%s' did not start", name);
    return maqet_holders_explain(starting->vm, NULL, err);
}

/* All that QEMU is told before the machine runs. */
static int
bring_up(const struct starting *starting, struct maqet_qmp *qmp, bool waits,
         struct maqet_error **err)
{
    const struct maqet_incoming *incoming = starting->incoming;
    struct maqet_deadline deadline = starting->deadline;
    _cleanup_json_ json_object *status =
        maqet_qmp_execute(qmp, "query-status", NULL, maqet_deadline_left(deadline), err);
    int64_t begun = maqet_now();

    if (!status || maqet_vm_drives_check_alone(starting->vm, err) < 0)
        return -1;
    /* Not for QEMU's answer was that time spent. */
    if (deadline.end >= 0)
        deadline.end += maqet_now() - begun;
    if (incoming)
        return maqet_migration_load(qmp, incoming->fd, incoming->mapped, err);
    if (!waits)
        return 0;
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "cont", NULL, maqet_deadline_left(deadline), err);
    return answer ? 0 : -1;
}

/* What QEMU is to inherit. Files of its arguments it has open until it dies, and does not
 * know of: they are locked. */
static void
list_descriptors(const struct starting *starting, struct maqet_descriptors *descriptors)
{
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR, starting->monitor_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR_FILE,
                          starting->socket_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_AGENT, starting->agent_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_RUN, starting->run.run_fd);
    for (size_t i = 0; i < starting->locks.count; i++)
        maqet_descriptors_add(descriptors, "argument-file", starting->locks.fds[i]);
}

/* A guest whose changes are thrown away leaves no record either. */
static int
record_slots(const struct starting *starting, struct maqet_error **err)
{
    const struct maqet_vm *vm = starting->vm;
    _cleanup_slots_ struct maqet_slots slots = {0};

    if (starting->incoming && starting->incoming->served)
        return 0;
    maqet_slots_of(vm->drives, vm->drive_count, &slots);
    return maqet_slots_save(vm->context, vm->definition->name, &slots, err);
}

/* Runs QEMU and waits for its answer. */
static int
launch(struct starting *starting, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_close_ int lock = -1;
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_descriptors_ struct maqet_descriptors descriptors = {0};
    _cleanup_free_ char *scratch = NULL;
    const char *name = starting->vm->definition->name;

    if (maqet_vm_command_line(starting->vm, &argv, err) < 0 ||
        record_slots(starting, err) < 0)
        return -1;
    bool waits = !starting->incoming && maqet_vm_drives_are_asked_again(starting->vm);
    maqet_command_line_add_start(
        &argv, &(struct maqet_start_arguments){
                   .incoming = starting->incoming,
                   .machine = starting->incoming ? starting->incoming->machine : NULL,
                   .paused = waits});
    if (maqet_vm_drives_check_same(starting->vm, err) < 0 ||
        maqet_sandbox_confine(starting->vm, &argv, starting->run.dir_fd, &confinement,
                              &scratch, err) < 0) {
        maqet_run_tidy(starting->run.dir_fd);
        return maqet_error_wrap(err, "Virtual machine '%s' did not start", name);
    }
    list_descriptors(starting, &descriptors);
    const struct maqet_launch how = {
        .argv = (const char *const *)argv.items,
        .descriptors = &descriptors,
        .log_fd = starting->log_fd,
        .dies_with_us = starting->incoming && starting->incoming->served,
        .folder = maqet_tree_place(starting->vm->definition->tree).folder,
        .helpers = starting->helpers.items,
        .helper_count = starting->helpers.count,
        .record_fd = starting->helpers.record_fd,
        .confinement = confinement.ruleset < 0 ? NULL : &confinement,
        .scratch = scratch,
        .no_new_privileges =
            maqet_tree_text(starting->vm->definition->tree, "run_as") != NULL,
    };
    if (maqet_launch(&how, &starting->process, err) < 0) {
        maqet_confinement_undo(&confinement);
        maqet_run_tidy(starting->run.dir_fd);
        return maqet_error_wrap(err, "Virtual machine '%s' did not start", name);
    }
    maqet_argument_locks_release(&starting->locks);
    /* Only QEMU listens now: if it dies, the connection tells. */
    close(TAKE_FD(starting->monitor_fd));
    close(TAKE_FD(starting->socket_fd));
    starting->run.pid = starting->process.pid;
    if (starting->agent_fd >= 0)
        close(TAKE_FD(starting->agent_fd));
    maqet_helpers_clear(&starting->helpers);
    starting->deadline = maqet_deadline_in(starting->timeout);
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_monitor_open(starting->run.dir_fd, name, starting->timeout,
                           starting->process.pidfd, &lock, &reason);
    if (!qmp ||
        maqet_sandbox_hand_over(starting->vm, starting->run.dir_fd, &reason) < 0 ||
        bring_up(starting, qmp, waits, &reason) < 0) {
        maqet_confinement_undo(&confinement);
        return fail_start(starting, argv.items[0], TAKE_PTR(reason), err);
    }
    maqet_run_remove_scratch(starting->run.dir_fd);
    maqet_context_say(starting->context, MAQET_LEVEL_DEBUG, "QEMU %s answers",
                      maqet_qmp_version_text(qmp));
    return 0;
}

/* The mark that the machine was started once, and where its drives sit, are written first
 * and taken back: a maqet that is killed in between must not leave a machine that has run
 * and seems never to have, or with other slots. */
static int
launch_marked(struct starting *starting, struct maqet_error **err)
{
    const char *name = starting->vm->definition->name;
    bool before = maqet_store_started(starting->context, name);
    _cleanup_slots_ struct maqet_slots slots = {0};

    if (maqet_slots_load(starting->context, name, &slots, err) < 0 ||
        maqet_store_started_set(starting->context, name, err) < 0)
        return -1;
    if (launch(starting, err) == 0)
        return 0;
    maqet_slots_save(starting->context, name, &slots, NULL);
    if (!before)
        maqet_store_started_clear(starting->context, name);
    return -1;
}

static void
serve_drives(const struct starting *starting)
{
    const struct maqet_incoming *incoming = starting->incoming;

    for (size_t i = 0; i < starting->vm->drive_count; i++) {
        struct maqet_drive *drive = starting->vm->drives[i];

        for (size_t j = 0; j < incoming->served->count; j++)
            if (strcmp(incoming->served->items[j], drive->name) == 0)
                drive->served = maqet_strdup(incoming->sockets->items[j]);
    }
}

/* All of a start but the machine's lock, which is held. Takes the definition. */
static int
start_locked(struct starting *starting, struct maqet_definition *definition,
             struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *owned = definition;

    if (enter_run_dir(starting, owned->name, err) < 0)
        return -1;
    /* A load is an operation itself, and holds the lock. */
    if (!starting->incoming &&
        maqet_store_check_pending(starting->context, owned->name, err) < 0)
        return -1;
    starting->vm = maqet_vm_new(starting->context, TAKE_PTR(owned), err);
    if (!starting->vm)
        return -1;
    if (starting->incoming)
        maqet_slots_copy(&starting->vm->slots, starting->incoming->slots);
    if (starting->incoming && starting->incoming->served)
        serve_drives(starting);
    if (maqet_sandbox_check_user(starting->vm, err) < 0 ||
        maqet_vm_check_launchable(starting->vm, err) < 0 ||
        maqet_vm_arguments_check(starting->vm, !starting->foreground, err) < 0 ||
        maqet_argument_files_lock(starting->vm, &starting->locks, err) < 0)
        return -1;
    maqet_vm_arguments_warn(starting->vm, !starting->foreground);
    maqet_vm_accel_warn(starting->vm);
    if (maqet_vm_drives_prepare(starting->vm, &starting->consent, err) == 0 &&
        furnish_run_dir(starting, err) == 0 && launch_marked(starting, err) == 0)
        return 0;
    maqet_argument_locks_undo(&starting->locks);
    return -1;
}

static int
start(struct starting *starting, const char *name_or_uuid, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_store_resolve(starting->context, name_or_uuid, err);
    _cleanup_close_ int lock = name ? maqet_store_lock(starting->context, name, err) : -1;

    if (lock < 0)
        return -1;
    struct maqet_definition *definition = maqet_store_load(starting->context, name, err);
    return definition ? start_locked(starting, definition, err) : -1;
}

int
maqet_vm_start(const struct maqet_context *context, const char *name,
               const struct maqet_start *how, int *pid, struct maqet_error **err)
{
    _cleanup_(starting_clear) struct starting starting =
        starting_new(context, how->timeout, false);

    starting.consent = how->consent;
    if (start(&starting, name, err) < 0)
        return -1;
    if (pid)
        *pid = starting.process.pid;
    return 0;
}

int
maqet_vm_start_again(const struct maqet_context *context,
                     struct maqet_definition *definition,
                     const struct maqet_incoming *incoming, int64_t timeout, int *pid,
                     struct maqet_error **err)
{
    _cleanup_(starting_clear) struct starting starting =
        starting_new(context, timeout, false);

    starting.incoming = incoming;
    if (start_locked(&starting, definition, err) < 0)
        return -1;
    if (pid)
        *pid = starting.process.pid;
    return 0;
}

/* ---- in the foreground ---- */

/* Waits for QEMU's end; signals that mean "end" are handed on as the guest's power
 * button. */
static void
attend(struct starting *starting)
{
    const char *name = starting->vm->definition->name;
    struct pollfd fds[2] = {{.fd = starting->process.pidfd, .events = POLLIN},
                            {.fd = starting->signal_fd, .events = POLLIN}};
    int asked = 0;

    while (!fds[0].revents) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, -1) < 0 || !fds[1].revents)
            continue;
        if (read(starting->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
            continue;
        /* Ctrl-C on the terminal has reached QEMU too, which knows what to do. */
        if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL)
            continue;
        _cleanup_error_ struct maqet_error *error = NULL;
        if (asked++ == 0 && maqet_power_button_press(&starting->run, name,
                                                     MAQET_END_TIMEOUT, &error) == 0)
            continue;
        /* A guest whose disk is full can go on when there is room; who is in a hurry asks
         * twice. */
        if (error && error->code == MAQET_ERROR_NO_SPACE)
            maqet_context_say(starting->context, MAQET_LEVEL_WARNING, "%s",
                              error->message);
        else
            maqet_pidfd_terminate(starting->process.pidfd);
    }
}

/* What ran beside QEMU may have something to write yet, and a service manager kills what
 * is left when we end. Whoever has the machine's lock waits for it himself. */
static void
await_helpers(struct starting *starting)
{
    struct maqet_context context = *starting->context;

    close(TAKE_FD(starting->run.run_fd)); /* as which we have QEMU's lock, too */
    context.lock_timeout = 0;
    _cleanup_close_ int lock =
        maqet_store_lock(&context, starting->vm->definition->name, NULL);
    _cleanup_close_ int run_fd =
        lock < 0 ? -1
                 : maqet_store_open_run(&context, starting->vm->definition->name, NULL);

    if (lock >= 0 && run_fd >= 0 && maqet_lock_held(run_fd, NULL) == 0)
        maqet_run_sweep(starting->run.dir_fd);
}

int
maqet_vm_run(const struct maqet_context *context, const char *name,
             const struct maqet_start *how, int *exit_code, struct maqet_error **err)
{
    _cleanup_(starting_clear) struct starting starting =
        starting_new(context, how->timeout, true);
    int status = 0;

    starting.consent = how->consent;
    if (start(&starting, name, err) < 0)
        return -1;
    maqet_notify("READY=1");
    attend(&starting);
    waitpid(starting.process.pid, &status, 0);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    /* That a person had it killed is no failure: a service manager would bring it back.
     */
    if (faccessat(starting.run.dir_fd, MAQET_RUN_FORCED, F_OK, 0) == 0)
        *exit_code = 0;
    await_helpers(&starting);
    return 0;
}
