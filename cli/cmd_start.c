/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/start_stop.h"
#include "core/lifecycle/foreground.h"
#include "core/lifecycle/start.h"

/* The exit code of a process that a signal ended, less the signal; as in a shell. */
enum { SIGNAL_BASE = 128 };

struct maqet_drives_consent
start_consent(const struct invocation *invocation)
{
    return (struct maqet_drives_consent){
        .create_missing = invocation_has(invocation, "create-missing"),
        .accept_bases = invocation_has(invocation, "accept-base"),
    };
}

static struct maqet_start
how_to_start(const struct invocation *invocation)
{
    return (struct maqet_start){
        .timeout = invocation_milliseconds(invocation, "wait"),
        .consent = start_consent(invocation),
    };
}

const struct maqet_fields started_fields =
    MAQET_FIELDS_OF(struct started, MAQET_ROW(struct started, name, "the VM's name"),
                    MAQET_ROW(struct started, pid, "QEMU's process ID"));

int
start_machine(struct invocation *invocation, const char *name, void *row,
              struct maqet_error **err)
{
    const struct maqet_start how = how_to_start(invocation);
    struct started *started = row;

    if (maqet_vm_start(&invocation->context, name, &how, &started->pid, err) < 0)
        return -1;
    started->name = maqet_strdup(name);
    return 0;
}

static char *
text(const void *row, bool colour)
{
    const struct started *started = row;

    (void)colour;
    return maqet_format("Started VM '%s' (PID %d).\n", started->name, started->pid);
}

static const struct view view = {
    .table = {.fields = &started_fields, .columns = "name pid"},
    .text = text,
    .confirmation = true,
    .each = "VM",
    .remark = "With --from, it is what 'maqet checkpoint "
              "load' gives. With --foreground, there is "
              "none."};

static int
run_in_foreground(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_start how = how_to_start(invocation);
    const char *name = invocation->operands.items[0];
    int exit_code;

    if (invocation->operands.count > 1)
        return usage_error(invocation->command, err, "--foreground takes exactly one VM");
    if (maqet_vm_run(&invocation->context, name, &how, &exit_code, err) < 0)
        return -1;
    if (exit_code > SIGNAL_BASE)
        return maqet_error_set(
            err, MAQET_ERROR_FAILED, "QEMU of VM '%s' was killed by signal %d (%s)", name,
            exit_code - SIGNAL_BASE, strsignal(exit_code - SIGNAL_BASE));
    if (exit_code != 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU of VM '%s' exited with status %d", name, exit_code);
    return 0;
}

static int
run_from(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const char *checkpoint = invocation_text(invocation, "from");

    if (invocation->operands.count > 1 || invocation_has(invocation, "foreground"))
        return usage_error(invocation->command, err,
                           "--from takes exactly one VM, in the background");
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, invocation->operands.items[0], 0, err);
    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        return checkpoint_load(invocation, machine->name, checkpoint, NULL, err);
    maqet_opened_error_running(machine, true, err);
    if (machine->run.lost)
        maqet_error_hint(err, "Stop it first: maqet stop %s", machine->name);
    else
        maqet_error_hint(err,
                         "Load it, replacing what is running: maqet checkpoint %s "
                         "load %s",
                         machine->name, checkpoint);
    return -1;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    if (invocation_has(invocation, "from"))
        return run_from(invocation, err);
    if (invocation_has(invocation, "foreground"))
        return run_in_foreground(invocation, err);
    return machines_run(invocation, start_machine);
}

const struct command command_start = {
    .name = "start",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Start VMs",
    .description = "Creates images that never existed, runs QEMU, and returns once "
                   "the VM is running. If QEMU fails, its own messages are the error. "
                   "Several VMs are started at the same time.\nAn image that existed "
                   "before and is missing now is an error: its disk may not be "
                   "mounted, or it may have been moved. --create-missing creates a "
                   "new, empty one. A backing file that has changed since the image "
                   "on top of it was created or first used is also an error, because "
                   "what the guest has written would no longer fit. --accept-base "
                   "accepts it as it is.",
    .options =
        {{"foreground",
          .help =
              "give QEMU the terminal, and wait until it has ended; SIGTERM presses the "
              "power button"},
         {"from", .type = OPTION_TEXT, .argument = "NAME",
          .help = "resume from this checkpoint instead of booting"},
         {"yes", 'y', .help = "--from: do not ask"},
         OPTION_WAIT_ROW,
         OPTION_CREATE_MISSING_ROW,
         OPTION_ACCEPT_BASE_ROW},
    .examples = {{"maqet start myvm", "Start one"},
                 {"maqet start web db cache", "Start three at once"},
                 {"maqet start myvm --from before-test", "Resume from a checkpoint"},
                 {"maqet start myvm --foreground", "Run one under a service manager"}},
    .view = &view,
    .run = run,
};
