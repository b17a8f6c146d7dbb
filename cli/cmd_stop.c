/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/start_stop.h"
#include "core/lifecycle/stop.h"

static const struct maqet_field rows[] = {
    {"name", MAQET_FIELD(struct stopped, name), .help = "the machine's name"},
    {"was_running", MAQET_FIELD(struct stopped, was_running),
     .help = "whether it ran before"},
    {0},
};
const struct maqet_fields stopped_fields = MAQET_FIELDS(struct stopped, rows);

int
stop_machine(struct invocation *invocation, const char *name, void *row,
             struct maqet_error **err)
{
    struct maqet_stop stop = {
        .timeout = invocation_milliseconds(invocation, "timeout"),
        .force = invocation_has(invocation, "force"),
        .waiting = machines_waiting,
        .data = invocation,
    };
    struct stopped *stopped = row;

    if (maqet_vm_stop(&invocation->context, name, &stop, &stopped->was_running, err) < 0)
        return -1;
    stopped->name = maqet_strdup(name);
    return 0;
}

static char *
text(const void *row, bool colour)
{
    const struct stopped *stopped = row;

    (void)colour;
    return maqet_format(stopped->was_running ? "Stopped virtual machine '%s'.\n"
                                             : "Virtual machine '%s' was not running.\n",
                        stopped->name);
}

static const struct view view = {
    .table = {.fields = &stopped_fields, .columns = "name was_running"},
    .text = text,
    .confirmation = true,
    .each = "virtual machine"};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, stop_machine);
}

static const struct command_option options[] = {
    OPTION_TIMEOUT_ROW,
    OPTION_FORCE_STOP_ROW,
    {0},
};

static const struct command_example examples[] = {
    {"maqet stop myvm", "Ask the guest to power off"},
    {"maqet stop myvm --timeout 120 --force", "Kill QEMU after two minutes"},
    {"maqet stop myvm --timeout 0 --force", "Kill QEMU at once"},
    {0},
};

const struct command command_stop = {
    .name = "stop",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Stop virtual machines",
    .description =
        "Presses the power button, and again every few seconds, until the "
        "guest has powered off and QEMU has ended, so that its images are "
        "free. A guest that takes too long is left running, and that is an "
        "error; with --force QEMU is killed then, which is to the guest what "
        "a power cut is. A QEMU that does not answer can't hand the button on: "
        "the error says why, as far as it is known, and with --force it is "
        "ended at once. So it is with a guest that QEMU has paused since a disk of the "
        "host is full, which does not see the button before 'maqet resume'. Any other "
        "paused guest goes on, to power off. The guest of a machine whose runtime folder "
        "is lost is asked in the same way. Stopping what doesn't run is no error. "
        "Several "
        "machines are stopped at the same time.",
    .options = options,
    .examples = examples,
    .view = &view,
    .run = run,
};
