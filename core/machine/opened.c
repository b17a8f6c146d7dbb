/* SPDX-License-Identifier: MIT */
#include "core/machine/bases.h"
#include "core/machine/opened.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/machine/ended.h"
#include "core/machine/forks.h"
#include "core/machine/helpers.h"
#include "core/machine/monitor.h"
#include "core/machine/run_folder.h"
#include "core/machine/store.h"
#include "core/qemu/qmp.h"
#include "core/qemu/silence.h"

void
maqet_opened_close(struct maqet_opened *machine)
{
    if (!machine)
        return;
    maqet_monitor_leave(machine);
    maqet_run_clear(&machine->run);
    maqet_opened_unlock(machine);
    maqet_vm_free(machine->vm);
    if (machine->unsettled)
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING,
                                machine->unsettled);
    maqet_error_clear(&machine->unsettled);
    free(machine->name);
    free(machine);
}

void
maqet_opened_unlock(struct maqet_opened *machine)
{
    if (machine->lock >= 0)
        close(TAKE_FD(machine->lock));
}

/* ---- whether it runs ---- */

static int
look(const struct maqet_opened *machine, struct maqet_run *run, struct maqet_error **err)
{
    if (machine->how & MAQET_OPEN_FOLDER)
        return maqet_run_open(machine->context, machine->name, run, err);
    _cleanup_close_ int vms_fd = maqet_store_open(machine->context);
    if (vms_fd < 0)
        return maqet_error_errno(err, errno, "Cannot inspect VM '%s'", machine->name);
    return maqet_run_look(machine->context, vms_fd, machine->name,
                          maqet_now() + MAQET_RUN_FORK_TIMEOUT, run, err);
}

/* For maqet_drive_running(), and what cannot be worked on meanwhile. */
static void
mark_drives(struct maqet_opened *machine)
{
    for (size_t i = 0; machine->vm && i < machine->vm->drive_count; i++)
        machine->vm->drives[i]->running = machine->run.pid > 0;
    if (machine->vm && machine->run.pid > 0)
        maqet_fork_mark_shown(machine->vm);
}

int
maqet_opened_look(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_run_ struct maqet_run now = MAQET_RUN_INIT;

    if (look(machine, &now, err) < 0)
        return -1;
    /* The connection to QEMU watches the pidfd. */
    if (machine->run.pid > 0 && now.pid == machine->run.pid) {
        machine->run.lost = now.lost;
        return 0;
    }
    maqet_monitor_leave(machine);
    maqet_run_clear(&machine->run);
    machine->run = now;
    now = (struct maqet_run)MAQET_RUN_INIT;
    mark_drives(machine);
    if (machine->run.pid > 0)
        return 0;
    machine->silent = false;
    /* What ran beside QEMU may still be writing. */
    if (machine->lock >= 0 && machine->run.dir_fd >= 0)
        maqet_helpers_end(machine->run.dir_fd);
    return 0;
}

int
maqet_opened_enter(struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->how & MAQET_OPEN_FOLDER)
        return 0;
    machine->how |= MAQET_OPEN_FOLDER;
    return maqet_opened_look(machine, err);
}

int
maqet_opened_error_running(const struct maqet_opened *machine, bool already,
                           struct maqet_error **err)
{
    _cleanup_free_ char *text = maqet_run_text(&machine->run);

    return maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is %srunning %s",
                           machine->name, already ? "already " : "", text);
}

static int
check_run(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid > 0)
        return machine->how & (MAQET_OPEN_RUNNING | MAQET_OPEN_REACHABLE)
                   ? maqet_run_check_reachable(&machine->run, machine->name, err)
                   : 0;
    if (!(machine->how & MAQET_OPEN_RUNNING))
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is not running", machine->name);
    maqet_error_next(err, MAQET_NEXT_START, machine->name, NULL);
    return -1;
}

int
maqet_opened_end_qemu(struct maqet_opened *machine, struct maqet_error **err)
{
    maqet_monitor_leave(machine);
    maqet_qemu_end(machine->run.pidfd,
                   machine->silent ? MAQET_FLUSH_TIMEOUT : MAQET_END_TIMEOUT);
    if (!maqet_pidfd_wait(machine->run.pidfd, 0))
        return maqet_silence_error_survived(machine->name, machine->run.pidfd, err);
    maqet_run_tidy(machine->run.dir_fd);
    return maqet_opened_look(machine, err);
}

/* ---- its definition ---- */

/* The file in the run folder with the definition that it was started with. */
static char *
started_definition(const struct maqet_opened *machine)
{
    return maqet_format("%s/vm.json", machine->run.folder);
}

int
maqet_opened_note_definition(const struct maqet_opened *machine,
                             const struct maqet_definition *definition,
                             struct maqet_error **err)
{
    _cleanup_free_ char *path = started_definition(machine);

    return maqet_definition_save(path, definition, err);
}

struct maqet_definition *
maqet_opened_definition(const struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_free_ char *path = started_definition(machine);

    return machine->run.pid > 0 && access(path, F_OK) == 0
               ? maqet_definition_load(path, machine->name, err)
               : maqet_store_load(machine->context, machine->name, err);
}

struct maqet_vm *
maqet_opened_vm(struct maqet_opened *machine, struct maqet_error **err)
{
    struct maqet_definition *definition =
        machine->vm ? NULL : maqet_opened_definition(machine, err);

    if (!definition)
        return machine->vm;
    machine->vm = maqet_vm_look(machine->context, definition);
    mark_drives(machine);
    for (size_t i = 0; machine->lock >= 0 && i < machine->vm->drive_count; i++)
        maqet_bases_note_needs(machine->vm->drives[i]);
    return machine->vm;
}

/* ---- interrupted jobs ---- */

int
maqet_opened_check_pending(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (!maqet_store_pending(machine->context, machine->name))
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s': an operation on its snapshots was interrupted, and must be "
                    "recovered first",
                    machine->name);
    maqet_error_next(err, MAQET_NEXT_RECOVER, machine->name, NULL);
    return -1;
}

int
maqet_opened_recover(struct maqet_opened *machine, struct maqet_error **err)
{
    const struct maqet_context *context = machine->context;

    if (!context->recover)
        return maqet_opened_check_pending(machine, err);
    if ((maqet_store_pending(context, machine->name) &&
         (maqet_run_check_reachable(&machine->run, machine->name, err) < 0 ||
          maqet_opened_enter(machine, err) < 0)) ||
        context->recover(machine, err) < 0)
        return -1;
    /* Its drives may have been reverted, and QEMU may have ended. */
    maqet_vm_free(TAKE_PTR(machine->vm));
    return 0;
}

static int
settle_pending(struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->lock < 0 || (machine->how & MAQET_OPEN_ALLOW_PENDING))
        return 0;
    if (machine->how & MAQET_OPEN_REFUSE_PENDING)
        return maqet_opened_check_pending(machine, err);
    return maqet_opened_recover(machine, err) < 0 ? -1 : check_run(machine, err);
}

void
maqet_opened_settle(struct maqet_opened *machine)
{
    if (machine->context->settle)
        machine->context->settle(machine);
}

/* Whoever works on its drives finds them as the last command has left them, not as they were in
 * between. */
static void
settle_drives(struct maqet_opened *machine)
{
    bool asks = machine->how & (MAQET_OPEN_RUNNING | MAQET_OPEN_REACHABLE);

    if (machine->lock >= 0 && machine->vm && !(machine->how & MAQET_OPEN_ALLOW_PENDING) &&
        (machine->run.pid == 0 || asks))
        maqet_opened_settle(machine);
}

/* ---- opening ---- */

static int
take_lock(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_context context = *machine->context;
    bool tries = machine->how & MAQET_OPEN_TRY_LOCK;

    if (!tries && !(machine->how & MAQET_OPEN_LOCK))
        return 0;
    if (tries)
        context.lock_timeout = 0;
    machine->lock = maqet_store_lock(&context, machine->name, &reason);
    if (machine->lock >= 0 || (tries && reason->code == MAQET_ERROR_TIMEOUT))
        return 0;
    return maqet_error_move(err, TAKE_PTR(reason));
}

/* Removes what killed commands and a QEMU that has ended have left behind, and does what is
 * due after its end. */
static void
sweep(struct maqet_opened *machine)
{
    if (machine->lock < 0)
        return;
    if (machine->run.pid > 0) {
        if (machine->run.dir_fd >= 0)
            maqet_run_sweep_files(machine->run.dir_fd);
        return;
    }
    if (machine->run.dir_fd >= 0) {
        maqet_run_sweep(machine->run.dir_fd);
        maqet_run_remove_servers(machine->run.folder);
    }
    maqet_ended_settle(machine->context, machine->name, &machine->unsettled);
}

struct maqet_opened *
maqet_open(const struct maqet_context *context, const char *name_or_uuid, unsigned how,
           struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_alloc(sizeof(*machine));

    machine->context = context;
    machine->how = how;
    machine->lock = machine->qmp_lock = -1;
    machine->run = (struct maqet_run)MAQET_RUN_INIT;
    machine->answer_limit = machine->answer_left =
        context->answer_timeout > 0 ? context->answer_timeout : MAQET_QMP_ANSWER_TIMEOUT;
    machine->name = maqet_store_resolve(context, name_or_uuid, err);
    if (!machine->name || take_lock(machine, err) < 0 ||
        look(machine, &machine->run, err) < 0 || check_run(machine, err) < 0)
        return NULL;
    sweep(machine);
    if (settle_pending(machine, err) < 0 ||
        ((how & MAQET_OPEN_VM) && !maqet_opened_vm(machine, err)))
        return NULL;
    settle_drives(machine);
    return TAKE_PTR(machine);
}
