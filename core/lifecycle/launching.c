/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/launching.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/lock_holder.h"
#include "core/base/logfile.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/machine/command_line.h"
#include "core/machine/devices.h"
#include "core/machine/drives.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/ports.h"
#include "core/machine/run_folder.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/serial.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/machine/tap.h"
#include "core/qemu/addresses.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "core/qemu/migration.h"
#include "core/qemu/qmp.h"
#include "core/qemu/version.h"

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
        .network_fd = -1,
        .log_fd = -1,
        .signal_fd = -1,
        .helpers = MAQET_HELPERS_INIT,
        .keeper = MAQET_KEEPER_INIT,
    };
}

void
maqet_launching_clear(struct maqet_launching *launching)
{
    const int fds[] = {launching->network_fd, launching->run_fd,   launching->monitor_fd,
                       launching->socket_fd,  launching->agent_fd, launching->log_fd,
                       launching->signal_fd};

    if (launching->signal_fd >= 0)
        sigprocmask(SIG_SETMASK, &launching->signals_before, NULL);
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    maqet_helpers_clear(&launching->helpers);
    maqet_keeper_clear(&launching->keeper);
    maqet_argument_locks_clear(&launching->locks);
    maqet_vm_free(launching->vm);
}

/* ---- what QEMU inherits ---- */

static int
listen_sockets(struct maqet_launching *launching, struct maqet_error **err)
{
    int dir_fd = launching->machine->run.dir_fd;

    launching->monitor_fd = maqet_socket_listen(dir_fd, MAQET_RUN_MONITOR, err);
    if (launching->monitor_fd < 0)
        return -1;
    launching->socket_fd =
        openat(dir_fd, MAQET_RUN_MONITOR, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (launching->socket_fd < 0)
        return maqet_error_errno(err, errno, "Cannot open the monitor's socket");
    if (!maqet_vm_has_agent(launching->vm))
        return 0;
    launching->agent_fd = maqet_socket_listen(dir_fd, MAQET_AGENT_SOCKET, err);
    return launching->agent_fd < 0 ? -1 : 0;
}

static int
prepare_keeper(struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_opened *machine = launching->machine;
    _cleanup_free_ char *folder = maqet_store_file(machine->context, machine->name, ".");
    bool console = maqet_serial_is_kept(launching->vm);
    bool events = maqet_devices_have_events(launching->vm);

    if ((console || events) &&
        maqet_keeper_prepare(machine->run.dir_fd, folder, &launching->keeper, err) < 0)
        return -1;
    if (console && maqet_keeper_add_console(&launching->keeper, err) < 0)
        return -1;
    return events ? maqet_keeper_add_events(&launching->keeper, err) : 0;
}

static int
open_network(struct maqet_launching *launching, struct maqet_error **err)
{
    _cleanup_network_ struct maqet_network network = {0};

    if (!maqet_devices_have_network(launching->vm, &network) ||
        network.type == MAQET_NETWORK_USER)
        return 0;
    launching->network_fd = maqet_tap_open(launching->vm, &network, err);
    return launching->network_fd < 0 ? -1 : 0;
}

/* Takes the run file's lock for QEMU. It was free a moment ago, and we have the machine's
 * lock. */
static int
lock_run_file(struct maqet_launching *launching, struct maqet_error **err)
{
    struct maqet_opened *machine = launching->machine;
    int taken = maqet_lock_try(machine->run.run_fd, err);

    if (taken == 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s': another program has its run file locked",
                        machine->name);
        return maqet_lock_hint(machine->run.run_fd, err);
    }
    if (taken < 0)
        return -1;
    /* The lock is released when QEMU and we have closed this descriptor. */
    launching->run_fd = TAKE_FD(machine->run.run_fd);
    /* There is no PID yet; but there will be space for it, even on a full disk. */
    if (pwrite(launching->run_fd, "0\n", 2, 0) != 2 ||
        ftruncate(launching->run_fd, 2) < 0)
        return maqet_error_errno(err, errno, "Cannot write the run file");
    return 0;
}

/* From here on, signals that ask us to end are for the guest. */
static int
hold_signals(struct maqet_launching *launching, struct maqet_error **err)
{
    launching->signal_fd = maqet_signals_hold(&launching->signals_before);
    return launching->signal_fd < 0
               ? maqet_error_errno(err, errno, "Cannot watch for signals")
               : 0;
}

static int
open_log(struct maqet_launching *launching, struct maqet_error **err)
{
    unlinkat(launching->machine->run.dir_fd, MAQET_RUN_LOG MAQET_LOGFILE_OLDER, 0);
    launching->log_fd =
        openat(launching->machine->run.dir_fd, MAQET_RUN_LOG,
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
    if (open_network(launching, err) == 0 && listen_sockets(launching, err) == 0 &&
        prepare_keeper(launching, err) == 0 &&
        maqet_helpers_prepare(launching->vm->drives, launching->vm->drive_count, dir_fd,
                              &launching->helpers, err) == 0)
        return 0;
    maqet_run_tidy(dir_fd);
    return -1;
}

/* ---- a start that fails ---- */

/* QEMU ended by itself: its own message, or ours if that says more. A QEMU that is too old
 * does not know an argument, and ends before its monitor can report the version. */
static void
error_ended(struct maqet_launching *launching, const char *program, int status,
            struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_run_last_words(launching->log_fd);
    struct stat log;

    if (maqet_qemu_check_version(program, err) < 0)
        return;
    maqet_launch_error(status, words, err);
    /* QEMU cannot tell the sandbox from file permissions. */
    _cleanup_free_ char *hint = strstr(words, "Permission denied")
                                    ? maqet_sandbox_hint(launching->machine->run.dir_fd)
                                    : NULL;
    if (hint)
        maqet_error_hint(err, "%s", hint);
    if (strstr(words, MAQET_ADDRESSES_VACANT)) {
        const struct maqet_vm *vm = launching->vm;
        _cleanup_free_ char *slots =
            maqet_store_file(vm->context, vm->definition->name, MAQET_STORE_SLOTS);

        maqet_error_hint(err,
                         "The addresses of removed drives are kept for new ones: move %s "
                         "away to give them up. All drives then get their slots in the "
                         "order of the list",
                         slots);
    }
    if (launching->log_fd >= 0 && fstat(launching->log_fd, &log) == 0 &&
        (size_t)log.st_size > strlen(words) + 1)
        maqet_error_remark(err, "All that QEMU said is in %s/" MAQET_RUN_LOG,
                           launching->machine->run.folder);
}

/* QEMU did not answer, and was killed; hints about a QEMU that runs would not help. */
static void
error_silent(const struct maqet_launching *launching, const struct maqet_error *reason,
             bool gone, struct maqet_error **err)
{
    _cleanup_free_ char *seconds =
        maqet_format("%.0f", (double)launching->timeout / 1000);

    maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s. %s", reason->message,
                    gone ? "It has been ended" : "It survived SIGKILL (stuck in I/O)");
    maqet_error_next(err, MAQET_NEXT_START_SLOWER, seconds, NULL);
}

/* Ends a QEMU that has failed to start, cleans up, and finds out why. */
static int
fail_start(struct maqet_launching *launching, const char *program,
           struct maqet_error **reason, struct maqet_error **err)
{
    struct maqet_opened *machine = launching->machine;
    const struct maqet_run *run = &machine->run;
    bool silent = (*reason)->silent;
    /* A broken connection is the first sign of an end that takes a moment longer. */
    bool ended = maqet_pidfd_wait(
        run->pidfd, (*reason)->code == MAQET_ERROR_STATE ? MAQET_END_TIMEOUT : 0);
    int status = 0;

    if (!ended)
        maqet_qemu_end(run->pidfd, silent ? MAQET_FLUSH_TIMEOUT : MAQET_END_TIMEOUT);
    /* A QEMU that waits for its storage survives even SIGKILL for a while. */
    bool gone = ended || maqet_pidfd_wait(run->pidfd, 0);
    waitpid(run->pid, &status, gone ? 0 : WNOHANG);
    if (gone)
        maqet_run_tidy(run->dir_fd);
    if (ended)
        error_ended(launching, program, status, err);
    else if (silent)
        error_silent(launching, *reason, gone, err);
    else
        maqet_error_move(err, TAKE_PTR(*reason));
    maqet_error_wrap(err, "VM '%s' did not start", machine->name);
    maqet_holders_explain(launching->vm, NULL, err);
    maqet_ports_explain(launching->vm, err);
    /* Without the lock, the machine is stopped. */
    close(TAKE_FD(launching->run_fd));
    (void)maqet_opened_look(machine, NULL);
    return -1;
}

/* ---- the start ---- */

/* Asks and tells QEMU what it must before the machine is running. */
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
    /* That time was not spent on QEMU's answers. */
    if (deadline.end >= 0)
        deadline.end += maqet_now() - begun;
    if (incoming)
        return maqet_migration_load(qmp, incoming->fd, incoming->mapped,
                                    incoming->splittable, err) < 0
                   ? -1
               : incoming->stands ? 0
                                  : maqet_migration_resume(qmp, err);
    return waits
               ? maqet_qmp_tell(qmp, "cont", NULL, -1, maqet_deadline_left(deadline), err)
               : 0;
}

/* What QEMU inherits. It does not know of the files of its arguments, but keeps them open
 * and so locked until it ends. */
static void
list_descriptors(const struct maqet_launching *launching,
                 struct maqet_descriptors *descriptors)
{
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR, launching->monitor_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_MONITOR_FILE,
                          launching->socket_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_AGENT, launching->agent_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_NETWORK, launching->network_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_RUN, launching->run_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_CONSOLE,
                          launching->keeper.qemu_fd);
    maqet_descriptors_add(descriptors, MAQET_DESCRIPTOR_EVENTS,
                          launching->keeper.monitor_fd);
    for (size_t i = 0; i < launching->locks.count; i++)
        maqet_descriptors_add(descriptors, "argument-file", launching->locks.fds[i]);
}

static int
record_slots(const struct maqet_launching *launching, struct maqet_error **err)
{
    const struct maqet_vm *vm = launching->vm;

    return maqet_slots_save(vm->context, vm->definition->name, &vm->placed, err);
}

/* Once QEMU runs: closes what it has inherited, and sets the opened machine. */
static void
hand_over(struct maqet_launching *launching, const struct maqet_process *process)
{
    struct maqet_opened *machine = launching->machine;

    maqet_argument_locks_release(&launching->locks);
    /* Only QEMU listens now, so a connection breaks when it ends. */
    close(TAKE_FD(launching->monitor_fd));
    close(TAKE_FD(launching->socket_fd));
    if (launching->agent_fd >= 0)
        close(TAKE_FD(launching->agent_fd));
    if (launching->keeper.qemu_fd >= 0)
        close(TAKE_FD(launching->keeper.qemu_fd));
    if (launching->network_fd >= 0)
        close(TAKE_FD(launching->network_fd));
    if (launching->keeper.monitor_fd >= 0)
        close(TAKE_FD(launching->keeper.monitor_fd));
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

/* The line in the console's log that marks this start. The caller frees. */
static char *
start_mark(const struct maqet_launching *launching)
{
    time_t now = time(NULL);
    char date[64] = "";
    struct tm broken;

    if (localtime_r(&now, &broken))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &broken);
    return maqet_format(
        "[maqet: VM '%s' %s at %s]", launching->machine->name,
        launching->incoming ? "was resumed from a checkpoint" : "was started", date);
}

static int
start_keeper(struct maqet_launching *launching, struct maqet_error **err)
{
    _cleanup_free_ char *mark = start_mark(launching);
    int result =
        launching->keeper.run_fd < 0
            ? 0
            : maqet_keeper_start(&launching->keeper, launching->machine->run.pidfd, mark,
                                 launching->incoming ? "resumed" : "started", err);

    maqet_keeper_clear(&launching->keeper);
    return result;
}

/* Starts what runs beside QEMU; afterwards only these programs listen on their sockets. */
static int
start_helpers(struct maqet_launching *launching, struct maqet_error **err)
{
    json_object *tree = launching->vm->definition->tree;
    int result =
        maqet_helpers_start(&launching->helpers, launching->machine->run.pidfd,
                            launching->log_fd, maqet_tree_place(tree).folder, err);

    maqet_helpers_clear(&launching->helpers);
    return result < 0 ? -1 : start_keeper(launching, err);
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
        &argv, &(struct maqet_start_arguments){
                   .incoming = incoming,
                   .machine = incoming ? incoming->machine : NULL,
                   .memory = incoming && incoming->memory.file ? &incoming->memory : NULL,
                   /* Otherwise QEMU resumes a guest that precopy has saved. */
                   .paused = waits || (incoming && incoming->stands)});
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
        return fail_start(launching, argv.items[0], &reason, err);
    }
    maqet_run_remove_scratch(dir_fd);
    maqet_context_say(machine->context, MAQET_LEVEL_DEBUG, "QEMU %s answers",
                      qmp->version_text);
    if (!incoming || !incoming->stands)
        maqet_monitor_leave(machine);
    return 0;
}
