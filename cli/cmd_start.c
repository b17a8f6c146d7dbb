/* SPDX-License-Identifier: MIT */
/* maqet start, stop, restart, pause and resume. */
#include <string.h>

#include "cli/cmd_checkpoint.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/ready.h"
#include "core/fork/discard.h"
#include "core/guest/ready.h"
#include "core/lifecycle/pause.h"
#include "core/lifecycle/start.h"
#include "core/lifecycle/startable.h"
#include "core/lifecycle/stop.h"
#include "core/machine/opened.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"

/* ---- start ---- */

static const struct maqet_fields started_fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"),
    MAQET_ROW(struct machine_result, pid, "QEMU's process ID"),
    {"was_running", MAQET_FIELD(struct machine_result, before),
     .help = "whether it was running before"});

static struct maqet_start
how_to_start(const struct invocation *invocation)
{
    return (struct maqet_start){
        .timeout = invocation_milliseconds(invocation, "wait"),
        .consent = {.create_missing = invocation_has(invocation, "create-missing"),
                    .accept_bases = invocation_has(invocation, "accept-base")},
    };
}

static int
start_machine(struct invocation *invocation, struct machine_result *machine,
              struct maqet_error **err)
{
    const struct maqet_start how = how_to_start(invocation);

    return maqet_vm_start(&invocation->context, machine->name, &how, &machine->pid,
                          &machine->before, err);
}

static int
start_and_wait(struct invocation *invocation, struct machine_result *machine,
               struct maqet_error **err)
{
    if (start_machine(invocation, machine, err) < 0)
        return -1;
    if (ready_wait(invocation, "wait-for", machine->name, err) == 0)
        return 0;
    if (!machine->before && err && *err && (*err)->code == MAQET_ERROR_TIMEOUT)
        maqet_error_remark(err, "It was started, and runs");
    return -1;
}

static char *
start_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "VM '%s' is already running (PID %d).\n"
                                        : "Started VM '%s' (PID %d).\n",
                        machine->name, machine->pid);
}

static const struct view start_view = {
    .table = {.fields = &started_fields, .columns = "name pid"},
    .text = start_text,
    .confirmation = true,
    .each = "VM",
    .remark = "With --from, it is that of 'maqet checkpoint load'. With "
              "--foreground, there is none."};

/* Added to a signal, the exit code of a process that it killed, as in a shell. */
enum { SIGNAL_BASE = 128 };

static int
run_in_foreground(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_start how = how_to_start(invocation);
    int exit_code;

    if (invocation->operands.count != 1)
        return usage_error(invocation, err, "--foreground takes exactly one VM");
    if (invocation_has(invocation, "wait-for"))
        return usage_error(invocation, err,
                           "--foreground and --wait-for are mutually exclusive");
    const char *name = invocation->operands.items[0];
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

    if (invocation->operands.count != 1 || invocation_has(invocation, "foreground"))
        return usage_error(invocation, err,
                           "--from takes exactly one VM, in the background");
    if (ready_check(invocation, "wait-for", err) < 0)
        return -1;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, invocation->operands.items[0], 0, err);
    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        return checkpoint_load(invocation, checkpoint, NULL, err) < 0
                   ? -1
                   : ready_wait(invocation, "wait-for", machine->name, err);
    maqet_opened_error_running(machine, true, err);
    if (machine->run.lost)
        maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
    else
        maqet_error_next(err, MAQET_NEXT_LOAD_IN_PLACE, machine->name, checkpoint, NULL);
    return -1;
}

static int
run_start(struct invocation *invocation, struct maqet_error **err)
{
    if (invocation_has(invocation, "from"))
        return run_from(invocation, err);
    if (invocation_has(invocation, "foreground"))
        return run_in_foreground(invocation, err);
    return ready_check(invocation, "wait-for", err) < 0
               ? -1
               : machines_run(invocation, start_and_wait);
}

const struct command command_start = {
    .name = "start",
    .undoes = true,
    .related = "autostart console restart run stop wait",
    .undone = "The VM was not started",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Start VMs",
    .only_stopped = true,
    .description =
        "Creates images that never existed, runs QEMU, and returns once "
        "the VM is running. If QEMU fails, its own messages are the error. "
        "Several VMs are started at the same time. " PATTERNS
        " Starting a VM that is running is not an error.\nAn image that existed "
        "before and is missing now is an error: its disk may not be "
        "mounted, or it may have been moved. --create-missing creates a "
        "new, empty one. A backing file that has changed since the image "
        "on top of it was created or first used is also an error, because "
        "what the guest has written would no longer fit. --accept-base "
        "accepts it as it is, and all overlays of the drive with it.",
    .options =
        {{"foreground",
          .help =
              "give QEMU the terminal, and wait until it has ended; SIGTERM presses the "
              "power button"},
         {"from", .type = OPTION_TEXT, .argument = "NAME", .value = OPERAND_CHECKPOINT,
          .help = "resume from this checkpoint instead of booting, which discards all "
                  "changes made after it on the drives"},
         OPTION_READ_ROW,
         {"yes", 'y', .help = "--from: do not ask; required without a terminal"},
         {"wait-for", .type = OPTION_TEXT, .argument = "CONDITION",
          .help = "wait until the guest is ready: " MAQET_READY_FORMS
                  ", as for 'maqet wait'; may be repeated"},
         OPTION_READY_TIMEOUT_ROW,
         OPTION_ALL_VMS_ROW,
         OPTION_WAIT_ROW,
         OPTION_CREATE_MISSING_ROW,
         OPTION_ACCEPT_BASE_ROW},
    .examples = {{"maqet start myvm", "Start one"},
                 {"maqet start web db cache", "Start three at once"},
                 {"maqet start myvm --from before-test", "Resume from a checkpoint"},
                 {"maqet start myvm --foreground", "Run one under a service manager"}},
    .view = &start_view,
    .run = run_start,
};

/* ---- stop ---- */

static const struct maqet_fields stopped_fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"),
    {"was_running", MAQET_FIELD(struct machine_result, before),
     .help = "whether it was running before"});

static int
stop_machine(struct invocation *invocation, struct machine_result *machine,
             struct maqet_error **err)
{
    const struct maqet_stop stop = {
        .timeout = invocation_milliseconds(invocation, "timeout"),
        .force = invocation_has(invocation, "force"),
        .waiting = machines_waiting,
        .data = invocation,
    };

    return maqet_vm_stop(&invocation->context, machine->name, &stop, &machine->before,
                         err) < 0
               ? -1
               : maqet_fork_settle(&invocation->context, machine->name, err);
}

static char *
stop_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "Stopped VM '%s'.\n"
                                        : "VM '%s' was not running.\n",
                        machine->name);
}

static const struct view stop_view = {
    .table = {.fields = &stopped_fields, .columns = "name was_running"},
    .text = stop_text,
    .confirmation = true,
    .each = "VM"};

const struct command command_stop = {
    .name = "stop",
    .undoes = true,
    .related = "pause restart start",
    .undone = "The VM was not stopped",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Stop VMs",
    .description =
        "Presses the power button, repeatedly every few seconds, until the guest has "
        "powered off and QEMU has ended, so that its images are free. If the guest "
        "takes too long, it is left running, and that is an error; with --force QEMU "
        "is then killed, which is like a power failure for the guest. If QEMU does "
        "not answer, the button cannot be pressed: the error gives the reason, if "
        "known, and with --force QEMU is ended at once. The same holds for a guest "
        "that QEMU paused because a disk of the host is full, which cannot see the "
        "button before 'maqet resume'. Any other paused guest is resumed, so that it "
        "can power off. A VM whose runtime folder is lost is stopped in the same way. "
        "Stopping a VM that is not running is not an error. Several VMs are stopped "
        "at the same time. " PATTERNS,
    .only_running = true,
    .discards = true,
    .options = {OPTION_ALL_VMS_ROW, OPTION_TIMEOUT_ROW, OPTION_FORCE_STOP_ROW},
    .examples = {{"maqet stop myvm", "Ask the guest to power off"},
                 {"maqet stop myvm --timeout 120 --force", "Kill QEMU after two minutes"},
                 {"maqet stop myvm --timeout 0 --force", "Kill QEMU at once"}},
    .view = &stop_view,
    .run_each = stop_machine,
};

/* ---- restart ---- */

/* A VM that could not be started again must not be stopped. */
static int
check_startable(const struct invocation *invocation, const char *name,
                struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const struct maqet_start how = how_to_start(invocation);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name, MAQET_OPEN_LOCK, err);

    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        return 0;
    if (maqet_fork_is_discarded(context, machine->name)) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s' is discarded when it stops, so it cannot be restarted",
                        machine->name);
        maqet_error_hint(err, "To reset its guest: maqet qmp %s system_reset",
                         machine->name);
        return -1;
    }
    struct maqet_definition *definition = maqet_store_load(context, machine->name, err);
    return definition
               ? maqet_vm_check_startable(context, definition, MAQET_STARTABLE_RESTART,
                                          &how.consent, err)
               : -1;
}

static int
restart_machine(struct invocation *invocation, struct machine_result *machine,
                struct maqet_error **err)
{
    if (check_startable(invocation, machine->name, err) < 0 ||
        stop_machine(invocation, machine, err) < 0)
        return -1;
    bool stopped = machine->before;
    if (start_machine(invocation, machine, err) == 0) {
        machine->before = stopped;
        return 0;
    }
    if (stopped)
        maqet_error_remark(err, "VM '%s' was stopped, but not started again",
                           machine->name);
    return -1;
}

static const struct view restart_view = {
    .table = {.fields = &started_fields, .columns = "name pid"},
    .sentence = "Restarted VM '{name}' (PID {pid}).\n",
    .confirmation = true,
    .each = "VM"};

const struct command command_restart = {
    .name = "restart",
    .undoes = true,
    .related = "apply",
    .undone = "The VM was not restarted",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Stop VMs and start them again",
    .description =
        "The same as 'maqet stop' followed by 'maqet start': QEMU is "
        "replaced, and changes made by 'maqet apply' take effect. A VM "
        "that could not be started again is not stopped. A VM that is not "
        "running is started, unless it was not named, but selected by a pattern "
        "or --all. " PATTERNS,
    .only_running = true,
    .discards = true,
    .options = {OPTION_ALL_VMS_ROW, OPTION_TIMEOUT_ROW, OPTION_FORCE_STOP_ROW,
                OPTION_WAIT_ROW, OPTION_CREATE_MISSING_ROW, OPTION_ACCEPT_BASE_ROW},
    .examples = {{"maqet restart myvm", "Power it off and start it again"}},
    .view = &restart_view,
    .run_each = restart_machine,
};

/* ---- pause ---- */

static const struct maqet_fields paused_fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"),
    {"was_paused", MAQET_FIELD(struct machine_result, before),
     .help = "whether it was paused before"});

static int
pause_machine(struct invocation *invocation, struct machine_result *machine,
              struct maqet_error **err)
{
    bool changed;

    if (maqet_vm_pause(&invocation->context, machine->name, &changed, err) < 0)
        return -1;
    machine->before = !changed;
    return 0;
}

static char *
pause_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "VM '%s' was already paused.\n"
                                        : "Paused VM '%s'.\n",
                        machine->name);
}

static const struct view pause_view = {
    .table = {.fields = &paused_fields, .columns = "name was_paused"},
    .text = pause_text,
    .confirmation = true,
    .each = "VM"};

const struct command command_pause = {
    .name = "pause",
    .related = "resume status",
    .undoes = true,
    .undone = "The guest was not paused",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Pause VMs",
    .description = "Stops the guests' CPUs. Memory and devices keep their state "
                   "inside QEMU until 'maqet resume'. Pausing a paused VM is not an "
                   "error; pausing a VM that is not running is. 'maqet stop' resumes "
                   "a paused guest, which could not power off otherwise. Several VMs "
                   "are paused at the same time. " PATTERNS,
    .only_running = true,
    .options = {OPTION_ALL_VMS_ROW},
    .examples = {{"maqet pause myvm", "Pause one"},
                 {"maqet pause web db", "Pause two at the same time"}},
    .view = &pause_view,
    .run_each = pause_machine,
};

/* ---- resume ---- */

static int
resume_machine(struct invocation *invocation, struct machine_result *machine,
               struct maqet_error **err)
{
    return maqet_vm_resume(&invocation->context, machine->name, &machine->before, err);
}

static char *
resume_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "Resumed VM '%s'.\n"
                                        : "VM '%s' was not paused.\n",
                        machine->name);
}

static const struct view resume_view = {
    .table = {.fields = &paused_fields, .columns = "name was_paused"},
    .text = resume_text,
    .confirmation = true,
    .each = "VM"};

const struct command command_resume = {
    .name = "resume",
    .related = "start",
    .undoes = true,
    .undone = "The guest was not resumed",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Resume paused VMs",
    .description =
        "Resumes guests that were paused by 'maqet pause', or by QEMU because a disk "
        "of the host is full. In that case nothing is lost, and pending writes are "
        "repeated. 'maqet status' names the drive, its file system and the free "
        "space. As long as there is no space, or if a drive fails again at once, the "
        "guest stays paused, and that is an error. Resuming a guest that is not "
        "paused is not an error; resuming a VM that is not running is. A guest that "
        "is paused because a snapshot, a load or a start was interrupted is not "
        "resumed by this command; use 'maqet recover'. " PATTERNS,
    .only_running = true,
    .options = {OPTION_ALL_VMS_ROW},
    .examples = {{"maqet resume myvm", "Resume a paused guest"},
                 {"maqet resume web db", "Resume two at the same time"}},
    .view = &resume_view,
    .run_each = resume_machine,
};
