/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/launching.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/machine/command_line.h"
#include "core/machine/drives.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/run_folder.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/slots.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "core/qemu/migration.h"
#include "core/qemu/qmp.h"

struct maqet_launching
maqet_launching_new(int64_t timeout, bool foreground)
{
    return (struct maqet_launching){
        .foreground = foreground,
        .timeout = timeout,
        .run_fd = -1,
        .monitor_fd = -1,
        .socket_fd = -1,
        .agent_fd = -1,
        .log_fd = -1,
        .signal_fd = -1,
        .helpers = MAQET_HELPERS_INIT,
        .locks = MAQET_ARGUMENT_LOCKS_INIT,
    };
}

void
maqet_launching_clear(struct maqet_launching *launching)
{
    const int fds[] = {launching->run_fd,   launching->monitor_fd, launching->socket_fd,
                       launching->agent_fd, launching->log_fd,     launching->signal_fd};

    if (launching->signal_fd >= 0)
        sigprocmask(SIG_SETMASK, &launching->signals_before, NULL);
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    maqet_helpers_clear(&launching->helpers);
    maqet_argument_locks_clear(&launching->locks);
    maqet_vm_free(launching->vm);
}

/* ---- what it will inherit ---- */

static int
listen_sockets(struct maqet_launching *launching, struct maqet_error **err)
{
    launching->monitor_fd =
        maqet_socket_listen(launching->machine->run.dir_fd, MAQET_RUN_MONITOR, err);
    if (launching->monitor_fd < 0)
        return -1;
    launching->socket_fd = openat(launching->machine->run.dir_fd, MAQET_RUN_MONITOR,
                                  O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (launching->socket_fd < 0)
        return maqet_error_errno(err, errno, "Cannot open the monitor's socket");
    if (!maqet_vm_has_agent(launching->vm))
        return 0;
    launching->agent_fd =
        maqet_socket_listen(launching->machine->run.dir_fd, MAQET_AGENT_SOCKET, err);
    return launching->agent_fd < 0 ? -1 : 0;
}

/* From here on, a signal that means "end" is for the guest; until here it stops a start.
 */
static int
hold_signals(struct maqet_launching *launching, struct maqet_error **err)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    launching->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    if (launching->signal_fd < 0)
        return maqet_error_errno(err, errno, "Cannot watch for signals");
    sigprocmask(SIG_BLOCK, &ends, &launching->signals_before);
    return 0;
}

/* Takes the run file's lock, which QEMU will have. It was free a moment ago, and we have
 * the machine's lock. */
static int
lock_run_file(struct maqet_launching *launching, struct maqet_error **err)
{
    struct maqet_opened *machine = launching->machine;
    int taken = maqet_lock_try(machine->run.run_fd, err);

    if (taken <= 0)
        return taken < 0
                   ? -1
                   : maqet_error_set(err, MAQET_ERROR_STATE,
                                     "VM '%s': another program has its run file locked",
                                     machine->name);
    /* The lock goes with this descriptor: when QEMU and we have closed it. */
    launching->run_fd = TAKE_FD(machine->run.run_fd);
    /* No PID as yet; and there is room for it on a full disk. */
    if (pwrite(launching->run_fd, "0\n", 2, 0) != 2 ||
        ftruncate(launching->run_fd, 2) < 0)
        return maqet_error_errno(err, errno, "Cannot write the run file");
    return 0;
}

static int
open_log(struct maqet_launching *launching, struct maqet_error **err)
{
    launching->log_fd =
        openat(launching->machine->run.dir_fd, "qemu.log",
               O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return launching->log_fd < 0
               ? maqet_error_errno(err, errno, "Cannot create QEMU's log")
               : 0;
}

int
maqet_launching_prepare(struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_opened *machine = launching->machine;
    int dir_fd = machine->run.dir_fd;

    if (maqet_run_note_folder(machine->context, machine->name, &machine->run, err) < 0 ||
        lock_run_file(launching, err) < 0)
        return -1;
    maqet_run_tidy(dir_fd);
    unlinkat(dir_fd, MAQET_RUN_FORCED, 0);
    if (maqet_opened_note_definition(machine, launching->vm->definition, err) < 0 ||
        (launching->foreground ? hold_signals(launching, err)
                               : open_log(launching, err)) < 0)
        return -1;
    if (listen_sockets(launching, err) == 0 &&
        maqet_helpers_prepare(launching->vm->drives, launching->vm->drive_count, dir_fd,
                              &launching->helpers, err) == 0)
        return 0;
    /* What was put there goes again. */
    maqet_run_tidy(dir_fd);
    return -1;
}

/* ---- one that did not come up ---- */

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
error_ended(struct maqet_launching *launching, const char *program, int status,
            struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_run_last_words(launching->log_fd);
    struct stat log;

    if (maqet_qemu_check_version(program, err) < 0)
        return -1;
    maqet_launch_error(status, words, err);
    add_denial_hint(launching->machine->run.dir_fd, words, err);
    if (launching->log_fd >= 0 && fstat(launching->log_fd, &log) == 0 &&
        (size_t)log.st_size > strlen(words) + 1)
        maqet_error_remark(err, "All that QEMU said is in %s/qemu.log",
                           launching->machine->run.folder);
    return -1;
}

/* It did not answer, and was ended: what could be done about one that runs is of no use.
 * Takes the reason. Returns -1. */
static int
error_silent(const struct maqet_launching *launching, struct maqet_error *reason,
             bool gone, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s. %s", reason->message,
                    gone ? "It has been ended" : "It survived SIGKILL (stuck in I/O)");
    _cleanup_free_ char *seconds =
        maqet_format("%.0f", (double)launching->timeout / 1000);
    maqet_error_next(err, MAQET_NEXT_START_SLOWER, seconds, NULL);
    maqet_error_free(reason);
    return -1;
}

/* QEMU did not come up: ends it, tidies up, and finds the words that tell why. */
static int
fail_start(struct maqet_launching *launching, const char *program,
           struct maqet_error *reason, struct maqet_error **err)
{
    struct maqet_opened *machine = launching->machine;
    const struct maqet_run *run = &machine->run;
    /* A connection that broke is the first sign of an end that takes a moment longer. */
    bool ended = maqet_pidfd_wait(
        run->pidfd, reason->code == MAQET_ERROR_STATE ? MAQET_END_TIMEOUT : 0);
    int status = 0;

    if (!ended)
        maqet_qemu_end(run->pidfd,
                       reason->silent ? MAQET_FLUSH_TIMEOUT : MAQET_END_TIMEOUT);
    /* One that waits for its storage may survive even SIGKILL for a while. */
    bool gone = ended || maqet_pidfd_wait(run->pidfd, 0);
    waitpid(run->pid, &status, gone ? 0 : WNOHANG);
    if (gone)
        maqet_run_tidy(run->dir_fd);
    if (ended) {
        maqet_error_free(reason);
        error_ended(launching, program, status, err);
    } else if (reason->silent) {
        error_silent(launching, reason, gone, err);
    } else {
        maqet_error_move(err, reason);
    }
    maqet_error_wrap(err, "VM '%s' did not start", machine->name);
    maqet_holders_explain(launching->vm, NULL, err);
    /* So that the machine is known to be at rest again. */
    close(TAKE_FD(launching->run_fd));
    (void)maqet_opened_look(machine, NULL);
    return -1;
}

/* ---- its start ---- */

/* All that QEMU is told before the machine runs. */
static int
bring_up(struct maqet_launching *launching, struct maqet_qmp *qmp, bool waits,
         struct maqet_error **err)
{
    const struct maqet_incoming *incoming = launching->incoming;
    struct maqet_deadline deadline = maqet_deadline_in(launching->machine->answer_left);
    _cleanup_json_ json_object *status =
        maqet_qmp_execute(qmp, "query-status", NULL, maqet_deadline_left(deadline), err);
    int64_t begun = maqet_now();

    if (!status || maqet_vm_drives_check_alone(launching->vm, err) < 0)
        return -1;
    /* Not for QEMU's answer was that time spent. */
    if (deadline.end >= 0)
        deadline.end += maqet_now() - begun;
    if (incoming)
        return maqet_migration_load(qmp, incoming->fd, incoming->mapped, err);
    return waits
               ? maqet_qmp_tell(qmp, "cont", NULL, -1, maqet_deadline_left(deadline), err)
               : 0;
}

/* What QEMU is to inherit. Files of its arguments it has open until it dies, and does not
 * know of: they are locked. */
static void
list_descriptors(const struct maqet_launching *launching,
                 struct maqet_descriptors *descriptors)
{
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR, launching->monitor_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR_FILE,
                          launching->socket_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_AGENT, launching->agent_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_RUN, launching->run_fd);
    for (size_t i = 0; i < launching->locks.count; i++)
        maqet_descriptors_add(descriptors, "argument-file", launching->locks.fds[i]);
}

/* A guest whose changes are thrown away leaves no record either. */
static int
record_slots(const struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_vm *vm = launching->vm;
    _cleanup_slots_ struct maqet_slots slots = {0};

    if (launching->incoming && launching->incoming->served)
        return 0;
    maqet_slots_of(vm->drives, vm->drive_count, &slots);
    return maqet_slots_save(vm->context, vm->definition->name, &slots, err);
}

/* QEMU runs: what we held for it is its own, and the opened machine knows of it. */
static void
hand_over(struct maqet_launching *launching, const struct maqet_process *process)
{
    struct maqet_opened *machine = launching->machine;

    maqet_argument_locks_release(&launching->locks);
    /* Only QEMU listens now: if it dies, the connection tells. */
    close(TAKE_FD(launching->monitor_fd));
    close(TAKE_FD(launching->socket_fd));
    if (launching->agent_fd >= 0)
        close(TAKE_FD(launching->agent_fd));
    machine->run.pid = process->pid;
    machine->run.pidfd = process->pidfd;
    machine->answer_limit = machine->answer_left = launching->timeout;
    machine->on_silence = MAQET_ON_SILENCE_FAIL;
}

static int
run(struct maqet_launching *launching, const struct maqet_strings *argv,
    struct maqet_confinement *confinement, const char *scratch, struct maqet_error **err)
{
    _cleanup_descriptors_ struct maqet_descriptors descriptors = {0};
    json_object *tree = launching->vm->definition->tree;
    struct maqet_process process;

    list_descriptors(launching, &descriptors);
    const struct maqet_launch how = {
        .argv = (const char *const *)argv->items,
        .descriptors = &descriptors,
        .log_fd = launching->log_fd,
        .dies_with_us = launching->dies_with_us,
        .folder = maqet_tree_place(tree).folder,
        .confinement = confinement->ruleset < 0 ? NULL : confinement,
        .scratch = scratch,
        .no_new_privileges = maqet_tree_text(tree, "run_as") != NULL,
    };
    if (maqet_launch(&how, &process, err) < 0) {
        maqet_confinement_undo(confinement);
        return -1;
    }
    hand_over(launching, &process);
    return 0;
}

/* What runs beside QEMU; then only these programs listen on their sockets. */
static int
start_helpers(struct maqet_launching *launching, struct maqet_error **err)
{
    json_object *tree = launching->vm->definition->tree;
    int result =
        maqet_helpers_start(&launching->helpers, launching->machine->run.pidfd,
                            launching->log_fd, maqet_tree_place(tree).folder, err);

    maqet_helpers_clear(&launching->helpers);
    return result;
}

int
maqet_launching_run(struct maqet_launching *launching, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_free_ char *scratch = NULL;
    struct maqet_opened *machine = launching->machine;
    int dir_fd = machine->run.dir_fd;
    const struct maqet_incoming *incoming = launching->incoming;

    if (maqet_vm_command_line(launching->vm, &argv, err) < 0 ||
        record_slots(launching, err) < 0)
        return -1;
    bool waits = !incoming && maqet_vm_drives_are_asked_again(launching->vm);
    maqet_command_line_add_start(
        &argv,
        &(struct maqet_start_arguments){.incoming = incoming,
                                        .machine = incoming ? incoming->machine : NULL,
                                        .paused = waits});
    if (maqet_vm_drives_check_same(launching->vm, err) < 0 ||
        maqet_sandbox_confine(launching->vm, &argv, dir_fd, &confinement, &scratch, err) <
            0 ||
        run(launching, &argv, &confinement, scratch, err) < 0) {
        maqet_run_tidy(dir_fd);
        return maqet_error_wrap(err, "VM '%s' did not start", machine->name);
    }
    struct maqet_qmp *qmp = start_helpers(launching, &reason) < 0
                                ? NULL
                                : maqet_monitor_connect(machine, &reason);
    if (!qmp || maqet_sandbox_hand_over(launching->vm, dir_fd, &reason) < 0 ||
        bring_up(launching, qmp, waits, &reason) < 0) {
        maqet_confinement_undo(&confinement);
        return fail_start(launching, argv.items[0], TAKE_PTR(reason), err);
    }
    maqet_run_remove_scratch(dir_fd);
    maqet_context_say(machine->context, MAQET_LEVEL_DEBUG, "QEMU %s answers",
                      qmp->version_text);
    maqet_monitor_leave(machine);
    return 0;
}
