/* SPDX-License-Identifier: MIT */
/* maqet clone. */
#include <string.h>

#include "cli/invocation.h"
#include "core/clone/clone.h"
#include "core/config/options.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_cloned, MAQET_ROW(struct maqet_cloned, name, "the name of the clone"),
    MAQET_ROW(struct maqet_cloned, uuid, "its UUID"),
    MAQET_ROW(struct maqet_cloned, source, "the VM that was cloned"),
    MAQET_ROW(struct maqet_cloned, linked,
              "whether its drives are overlays on those of that VM, and not copies"),
    MAQET_ROW(struct maqet_cloned, ports,
              "forwarded ports that are others than those of that VM, such as `tcp "
              "127.0.0.1:2222 -> 2223`"));

static char *
text(const void *row)
{
    const struct maqet_cloned *cloned = row;
    _cleanup_free_ char *ports = maqet_strings_list(&cloned->ports);

    return maqet_format("Cloned VM '%s' as '%s' (%s).%s%s%s\n", cloned->source,
                        cloned->name, cloned->linked ? "linked" : "full",
                        cloned->ports.count > 0 ? " Its forwarded ports: " : "",
                        cloned->ports.count > 0 ? ports : "",
                        cloned->ports.count > 0 ? "." : "");
}

static const struct view view = {
    .each = "clone",
    .table = {.fields = &fields, .columns = "name uuid source linked"},
    .text = text,
    .confirmation = true};

static int
read_request(const struct invocation *invocation, struct maqet_clone_request *request,
             struct maqet_error **err)
{
    bool linked = invocation_has(invocation, "linked");
    bool full = invocation_has(invocation, "full");
    const char *count = invocation_text(invocation, "count");
    int64_t number;

    if (linked && full)
        return usage_error(invocation, err, "--linked and --full exclude each other");
    if (count && (!maqet_parse_int(count, &number) || number < 1 || number > 1000))
        return usage_error(invocation, err, "--count %s: a number from 1 to 1000", count);
    *request = (struct maqet_clone_request){
        .vm = invocation->operands.items[0],
        .name = invocation->operands.items[1],
        .snapshot = invocation_text(invocation, "from"),
        .way = linked ? MAQET_CLONE_LINKED
               : full ? MAQET_CLONE_FULL
                      : MAQET_CLONE_AUTO,
        .count = count ? (unsigned)number : 0,
    };
    return 0;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_clone_request request;
    _cleanup_clones_ struct maqet_clones clones = {0};

    if (read_request(invocation, &request, err) < 0)
        return -1;
    int result = maqet_vm_clone(&invocation->context, &request, &clones, err);
    if (clones.count > 0)
        output_list(&invocation->output, &view, clones.items, clones.count);
    return result;
}

const struct command command_clone = {
    .name = "clone",
    .related = "snapshot rm rename",
    .undoes = true,
    .undone = "Clones that were complete before are kept",
    .operands = {OPERAND_VM, OPERAND_NEW_NAME},
    .summary = "Create VMs like another one, which may be running",
    .description =
        "The new VM has the definition of VM, another UUID, other MAC addresses and other "
        "forwarded ports, and images of its own. A linked clone, which takes no time, "
        "has overlays on the images of VM: what both have in common is there once. All "
        "drives that the guest can write to must have `snapshots: overlay` for that. A "
        "full clone has copies. Without --linked and --full, it is linked if that is "
        "possible.\n"
        "While a linked clone exists, neither the images of VM nor the snapshots that it "
        "stands on can be deleted.\n"
        "Shares, CD-ROMs and read-only drives are those of VM. Snapshots, checkpoints and "
        "logs are not cloned.",
    .options = {{"from", .type = OPTION_TEXT, .argument = "SNAPSHOT",
                 .help =
                     "clone the state of a snapshot of all drives, not the present one"},
                {"linked", .help = "create overlays, or fail"},
                {"full", .help = "create copies"},
                {"count", .type = OPTION_TEXT, .argument = "N",
                 .help = "create N clones, NEW-1 to NEW-N, of one moment"}},
    .examples = {{"maqet clone web web-test",
                  "Create a VM web-test with what web has now"},
                 {"maqet clone base worker --from installed --count 8",
                  "Create eight VMs from a snapshot of base"}},
    .view = &view,
    .run = run,
};
