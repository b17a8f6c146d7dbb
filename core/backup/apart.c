/* SPDX-License-Identifier: MIT */
#include "core/backup/apart.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "core/base/interrupt.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/config/tree.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/sandbox_rules.h"
#include "core/qemu/launch.h"
#include "core/qemu/objects.h"
#include "core/storage/emitted.h"

/* ms for its answers together, and until it has written its bitmaps. */
static const int64_t ANSWER_LIMIT = 120000;
static const int64_t FLUSH_LIMIT = 60000;

/* ---- its command line ---- */

static void
add_monitor(struct maqet_args *args)
{
    struct maqet_props *socket = maqet_args_chardev(args, "socket", "maqet-monitor");
    struct maqet_props *monitor;

    maqet_props_int(socket, "fd", maqet_descriptor_number(MAQET_DESCRIPTOR_MONITOR));
    maqet_props_bool(socket, "server", true);
    maqet_props_bool(socket, "wait", false);
    monitor = maqet_args_settings(args, "-mon", NULL);
    maqet_props_string(monitor, "chardev", "maqet-monitor");
    maqet_props_string(monitor, "mode", "control");
}

static int
list_arguments(const struct maqet_vm *vm, const struct maqet_drive *const *drives,
               size_t count, struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_option(args, "-nodefaults", NULL);
    maqet_args_option(args, "-no-user-config", NULL);
    maqet_args_option(args, "-S", NULL);
    maqet_args_option(args, "-machine", "none");
    maqet_args_option(args, "-display", "none");
    maqet_sandbox_add_arguments(vm, args);
    add_monitor(args);
    for (size_t i = 0; i < count; i++)
        if (maqet_storage_emit_args(drives[i], args, err) < 0)
            return -1;
    maqet_strings_add(argv, vm->program);
    maqet_args_objects_first(args);
    maqet_args_render(args, argv);
    return 0;
}

/* ---- the process ---- */

static int
launch(struct maqet_opened *machine, const struct maqet_strings *argv, int monitor,
       int log, struct maqet_error **err)
{
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_descriptors_ struct maqet_descriptors descriptors = {0};
    json_object *tree = machine->vm->definition->tree;
    /* Where its PID is written to, which nobody needs. */
    _cleanup_close_ int run = memfd_create("maqet-run", MFD_CLOEXEC);
    struct maqet_process process;

    if (maqet_sandbox_confine_apart(machine->vm, argv, &confinement, err) < 0)
        return -1;
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_MONITOR, monitor);
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_RUN, run);
    maqet_descriptors_add(&descriptors, "machine-lock", machine->lock);
    const struct maqet_launch how = {
        .argv = (const char *const *)argv->items,
        .descriptors = &descriptors,
        .log_fd = log,
        .dies_with_us = true,
        .folder = maqet_tree_place(tree).folder,
        .confinement = confinement.ruleset < 0 ? NULL : &confinement,
        .no_new_privileges = maqet_tree_text(tree, "run_as") != NULL,
    };
    if (maqet_launch(&how, &process, err) < 0)
        return -1;
    machine->run.pid = process.pid;
    machine->run.pidfd = process.pidfd;
    machine->answer_limit = machine->answer_left = ANSWER_LIMIT;
    return 0;
}

/* Forgets a QEMU that has ended. */
static int
reap(struct maqet_opened *machine)
{
    int status = 0;

    maqet_monitor_leave(machine);
    machine->silent = false;
    if (maqet_pidfd_wait(machine->run.pidfd, 0))
        waitpid(machine->run.pid, &status, 0);
    close(TAKE_FD(machine->run.pidfd));
    machine->run.pid = 0;
    unlinkat(machine->run.dir_fd, MAQET_RUN_MONITOR, 0);
    return status;
}

/* QEMU does not answer, or has ended: its own words say more. */
static int
fail(struct maqet_opened *machine, struct maqet_error *reason, int log,
     struct maqet_error **err)
{
    bool ended = maqet_pidfd_wait(machine->run.pidfd,
                                  reason->code == MAQET_ERROR_STATE ? 5000 : 0);

    if (!ended)
        maqet_qemu_end(machine->run.pidfd, FLUSH_LIMIT);
    int status = reap(machine);
    _cleanup_free_ char *words = maqet_run_last_words(log);
    if (!ended || reason->signal)
        return maqet_error_move(err, reason);
    maqet_error_free(reason);
    maqet_launch_error(status, words, err);
    maqet_error_wrap(err, "VM '%s': QEMU cannot open its drives", machine->name);
    maqet_holders_explain(machine->vm, NULL, err);
    return -1;
}

int
maqet_apart_start(struct maqet_opened *machine, const struct maqet_drive *const *drives,
                  size_t count, int *kept, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_close_ int log = memfd_create("maqet-log", MFD_CLOEXEC);
    _cleanup_close_ int monitor = -1;
    struct maqet_error *reason = NULL;

    if (log < 0)
        return maqet_error_errno(err, errno, "Cannot create QEMU's log");
    if (list_arguments(machine->vm, drives, count, &argv, err) < 0)
        return -1;
    monitor = maqet_socket_listen(machine->run.dir_fd, MAQET_RUN_MONITOR, err);
    if (monitor < 0)
        return -1;
    if (launch(machine, &argv, monitor, log, err) < 0) {
        unlinkat(machine->run.dir_fd, MAQET_RUN_MONITOR, 0);
        return -1;
    }
    close(TAKE_FD(monitor));
    if (!maqet_monitor_connect(machine, &reason))
        return fail(machine, reason, log, err);
    *kept = TAKE_FD(log);
    return 0;
}

/* It has ended although nobody told it to. */
static void
say_why(const struct maqet_opened *machine, int status, int log)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *words = maqet_run_last_words(log);

    maqet_launch_error(status, words, &reason);
    maqet_error_wrap(&reason, "VM '%s': while its drives were copied", machine->name);
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, reason);
}

void
maqet_apart_end(struct maqet_opened *machine, int log_fd)
{
    _cleanup_close_ int log = log_fd;

    if (machine->run.pid == 0)
        return;
    if (maqet_pidfd_wait(machine->run.pidfd, 0)) {
        say_why(machine, reap(machine), log);
        return;
    }
    /* What is written now makes the next backup small, so it is not cut off. */
    maqet_interrupt_defer(true);
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, NULL);
    if (qmp)
        maqet_qmp_tell(qmp, "quit", NULL, -1, ANSWER_LIMIT, NULL);
    maqet_monitor_leave(machine);
    if (!maqet_pidfd_wait(machine->run.pidfd, qmp ? FLUSH_LIMIT : 0))
        maqet_qemu_end(machine->run.pidfd, FLUSH_LIMIT);
    reap(machine);
    maqet_interrupt_defer(false);
}
