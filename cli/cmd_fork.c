/* SPDX-License-Identifier: MIT */
/* maqet fork. */
#include <string.h>

#include "cli/invocation.h"
#include "cli/labelled.h"
#include "cli/options.h"
#include "core/config/options.h"
#include "core/fork/fork.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_forked, MAQET_ROW(struct maqet_forked, name, "the name of the fork"),
    MAQET_ROW(struct maqet_forked, uuid, "its UUID"),
    MAQET_ROW(struct maqet_forked, source, "the VM that was forked"),
    MAQET_ROW(struct maqet_forked, checkpoint, "the checkpoint that it goes on from"),
    MAQET_ROW(struct maqet_forked, pid, "QEMU's process ID"),
    MAQET_ROW(struct maqet_forked, ports,
              "forwarded ports of the host, such as `tcp 127.0.0.1:2223 -> 22`"),
    MAQET_ROW(struct maqet_forked, discard, "whether it is removed when it has ended"),
    MAQET_ROW(
        struct maqet_forked, exec_exit_code,
        "the exit code of --exec; 128 and the number of the signal that has killed it; "
        "null if there was none, or it was not run to its end",
        .known = MAQET_KNOWN(struct maqet_forked, exec_ended)),
    MAQET_ROW(struct maqet_forked, exec_stdout,
              "what it has written to standard output; a NUL is U+2400",
              .optional = true),
    MAQET_ROW(struct maqet_forked, exec_stderr, "what it has written to standard error",
              .optional = true));

static char *
text(const void *row)
{
    const struct maqet_forked *forked = row;
    _cleanup_free_ char *ports = maqet_strings_list(&forked->ports);

    return maqet_format(
        "Forked VM '%s' as '%s' (PID %d).%s%s%s\n", forked->source, forked->name,
        forked->pid, forked->ports.count > 0 ? "\nIts forwarded ports: " : "",
        forked->ports.count > 0 ? ports : "", forked->ports.count > 0 ? "." : "");
}

static const struct view view = {
    .each = "fork",
    .table = {.fields = &fields,
              .columns = "name uuid source checkpoint pid exec_exit_code exec_stdout "
                         "exec_stderr"},
    .text = text,
    .confirmation = true};

static int
read_request(const struct invocation *invocation, struct maqet_strings *names,
             struct maqet_strings *ports, struct maqet_fork_request *request,
             struct maqet_error **err)
{
    const char *count = invocation_text(invocation, "count");
    const char *command = invocation_text(invocation, "exec");
    int64_t number = 0;

    for (size_t i = 1; i < invocation->operands.count; i++)
        maqet_strings_add(names, invocation->operands.items[i]);
    if (count && (!maqet_parse_int(count, &number) || number < 1 || number > 1000))
        return usage_error(invocation, err, "--count %s: a number from 1 to 1000", count);
    if (count && names->count != 1)
        return usage_error(invocation, err, "--count takes exactly one name");
    if (command && !*command)
        return usage_error(invocation, err, "--exec needs a command");
    invocation_texts(invocation, "port", ports);
    *request = (struct maqet_fork_request){
        .vm = invocation->operands.items[0],
        .checkpoint = invocation_text(invocation, "from"),
        .names = names,
        .count = (unsigned)number,
        .ports = ports,
        .discard = invocation_has(invocation, "discard"),
        .command = command,
        .timeout = invocation_milliseconds(invocation, "wait"),
    };
    return 0;
}

static void
show_printed(const struct maqet_forked *forked)
{
    if (forked->exec_stdout)
        output_labelled(forked->name, forked->exec_stdout, false);
    if (forked->exec_stderr)
        output_labelled(forked->name, forked->exec_stderr, true);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings ports = MAQET_STRINGS_INIT;
    struct maqet_fork_request request;
    _cleanup_forks_ struct maqet_forks forks = {0};

    if (read_request(invocation, &names, &ports, &request, err) < 0)
        return -1;
    int result = maqet_vm_fork(&invocation->context, &request, &forks, err);
    if (forks.count > 0)
        output_list(&invocation->output, &view, forks.items, forks.count);
    for (size_t i = 0; i < forks.count && invocation->output.format == FORMAT_TABLE; i++)
        show_printed(&forks.items[i]);
    return result;
}

const struct command command_fork = {
    .name = "fork",
    .related = "clone exec rm run snapshot stop",
    .undoes = true,
    .undone = "Forks that were running before are kept",
    .operands = {OPERAND_VM, OPERAND_NEW_NAME | OPERAND_REPEATED},
    .summary = "Start VMs that go on from one moment of another one",
    .description =
        "Each fork is a new VM, with another UUID and other forwarded ports, whose guest "
        "goes on where that of VM was when the checkpoint was created, with all its "
        "programs. All forks map the memory of the checkpoint, so it is there once, and a "
        "page is copied only when a guest writes to it. Their drives are overlays on those "
        "of VM where these have `snapshots: overlay`, and otherwise copies, or with --discard "
        "the snapshots themselves, to which nothing is written. Without "
        "--from, a checkpoint of the running VM is created first; it is named fork-1, "
        "fork-2 and so on.\n"
        "Each guest gets another generation ID (vmgenid) and so other random numbers, but "
        "keeps its host name, and until it boots its MAC address; its clock is set, if it has "
        "the QEMU guest agent. What only one VM can have, "
        "such as a tap interface, a device of the host or a socket in `arguments`, is an "
        "error. While a fork exists, its checkpoint cannot be deleted.\n"
        "--exec runs a command in all guests at the same time, each as soon as it runs, by "
        "its agent, as 'maqet exec' does: by /bin/sh, with the name of the fork in MAQET_VM. "
        "What it prints is shown when all have ended, with the name before each line. One that "
        "fails, or cannot be run, is an error, and the fork runs on.",
    .options = {{"from", .type = OPTION_TEXT, .argument = "CHECKPOINT",
                 .value = OPERAND_CHECKPOINT, .help = "go on from this checkpoint"},
                {"count", .type = OPTION_TEXT, .argument = "N",
                 .help = "start N forks, NAME-1 to NAME-N"},
                {"discard",
                 .help = "remove a fork, and all that its guest has written, when it has "
                         "ended"},
                {"port", .type = OPTION_TEXT, .argument = "HOST:GUEST",
                 .help =
                     "the port of the host that leads to one of the guest, as in "
                     "2222:22 or 5353:53/udp, instead of a free one; may be repeated"},
                {"exec", .type = OPTION_TEXT, .argument = "COMMAND",
                 .help = "run a command in the guest of each, by its agent"},
                OPTION_WAIT_ROW},
    .examples = {{"maqet fork web web-test", "Start a VM that goes on where web is now"},
                 {"maqet fork base worker --from ready --count 8 --discard",
                  "Start eight VMs for a test"},
                 {"maqet fork base one two --from ready --exec 'hostname \"$MAQET_VM\"'",
                  "Give each guest a name of its own"}},
    .view = &view,
    .run = run,
};
