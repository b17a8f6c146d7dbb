/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/start_stop.h"
#include "core/lifecycle/startable.h"
#include "core/machine/opened.h"
#include "core/machine/store.h"

/* A machine that could not start again is better left running. */
static int
check_startable(const struct invocation *invocation, const char *name,
                struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const struct maqet_drives_consent consent = start_consent(invocation);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name, MAQET_OPEN_LOCK, err);

    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        return 0;
    struct maqet_definition *definition = maqet_store_load(context, machine->name, err);
    return definition ? maqet_vm_check_startable(context, definition,
                                                 MAQET_STARTABLE_RESTART, &consent, err)
                      : -1;
}

static int
restart_machine(struct invocation *invocation, const char *name, void *row,
                struct maqet_error **err)
{
    struct stopped stopped = {0};

    /* One that could not be started again is not stopped. */
    if (check_startable(invocation, name, err) < 0 ||
        stop_machine(invocation, name, &stopped, err) < 0)
        return -1;
    int result = start_machine(invocation, name, row, err);
    if (result < 0 && stopped.was_running)
        maqet_error_remark(err, "VM '%s' was stopped, but not started again", name);
    maqet_fields_clear(&stopped_fields, &stopped);
    return result;
}

static char *
text(const void *row, bool colour)
{
    const struct started *started = row;

    (void)colour;
    return maqet_format("Restarted VM '%s' (PID %d).\n", started->name, started->pid);
}

static const struct view view = {
    .table = {.fields = &started_fields, .columns = "name pid"},
    .text = text,
    .confirmation = true,
    .each = "VM"};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, restart_machine);
}

const struct command command_restart = {
    .name = "restart",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Stop VMs and start them again",
    .description = "The same as 'maqet stop' followed by 'maqet start': QEMU is "
                   "replaced, and changes made by 'maqet apply' take effect. A VM "
                   "that could not be started again is not stopped. A VM that is not "
                   "running is started.",
    .options = {OPTION_TIMEOUT_ROW, OPTION_FORCE_STOP_ROW, OPTION_WAIT_ROW,
                OPTION_CREATE_MISSING_ROW, OPTION_ACCEPT_BASE_ROW},
    .examples = {{"maqet restart myvm", "Power it off and start it again"}},
    .view = &view,
    .run = run,
};
