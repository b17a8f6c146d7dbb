/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/options.h"
#include "cli/snapshot_actions.h"
#include "cli/snapshots.h"

/* ---- formats of images ---- */

static const char *const export_formats[] = {"qcow2", "raw"};

static bool
is_export_format(const char *word)
{
    for (size_t i = 0; i < sizeof(export_formats) / sizeof(*export_formats); i++)
        if (strcmp(word, export_formats[i]) == 0)
            return true;
    return false;
}

/* The formats of results and, for export, those of images. */
static const char *
any_format_name(unsigned index)
{
    unsigned results = 0;

    while (format_name(results))
        results++;
    if (index < results)
        return format_name(index);
    index -= results;
    return index < sizeof(export_formats) / sizeof(*export_formats)
               ? export_formats[index]
               : NULL;
}

/* The last image format that was given, NULL: none. */
static const char *
export_format(const struct invocation *invocation)
{
    const char *format = NULL;

    for (size_t i = 0; i < invocation->given_count; i++)
        if (strcmp(invocation->given[i].option->name, "format") == 0 &&
            is_export_format(invocation->given[i].value))
            format = invocation->given[i].value;
    return format;
}

/* ---- what is asked for ---- */

struct action {
    const char *name;
    const char *operands; /* after VM and the action's name */
    bool needs_name;
    bool needs_file;
    bool needs_drive; /* --all won't do */
    bool all_drives;  /* neither a drive nor --all means all, too */
    int (*run)(struct invocation *invocation, struct asked *asked,
               struct maqet_error **err);
};

static enum maqet_way
way_of(const struct invocation *invocation)
{
    if (invocation_has(invocation, "auto"))
        return MAQET_WAY_AUTO;
    return invocation_has(invocation, "live") ? MAQET_WAY_LIVE : MAQET_WAY_OFFLINE;
}

static int
error_operands(const struct invocation *invocation, const struct action *action,
               struct maqet_error **err)
{
    return usage_error(invocation->command, err, "Usage: maqet snapshot VM %s %s",
                       action->name, action->operands);
}

/* With memory it is a checkpoint, which is of all drives of a VM that runs, or is none.
 */
static int
check_memory(const struct invocation *invocation, const struct action *action,
             struct maqet_error **err)
{
    static const char *const others[] = {"exclude", "overwrite", "quiesce"};

    if (strcmp(action->name, "create") != 0 || !invocation_has(invocation, "all") ||
        !invocation_has(invocation, "live"))
        return usage_error(invocation->command, err,
                           "--memory goes with create --all NAME --live");
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (invocation_has(invocation, others[i]))
            return usage_error(invocation->command, err, "--memory does not go with --%s",
                               others[i]);
    return 0;
}

static int
read_operands(const struct invocation *invocation, const struct action *action,
              struct asked *asked, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    size_t count = invocation->operands.count, next = 2;
    bool all = invocation_has(invocation, "all");
    struct maqet_snapshot_request *request = &asked->request;

    request->vm = operands[0];
    if (all && action->needs_drive)
        return usage_error(invocation->command, err, "%s takes one drive, not --all",
                           action->name);
    if (!all && next < count)
        request->drive = operands[next++];
    else if (!all && !action->all_drives)
        return error_operands(invocation, action, err);
    if (action->needs_name) {
        if (next == count)
            return error_operands(invocation, action, err);
        request->name = operands[next++];
    }
    if (action->needs_file) {
        if (next == count)
            return error_operands(invocation, action, err);
        asked->file = operands[next++];
    }
    if (next < count)
        return error_operands(invocation, action, err);
    invocation_texts(invocation, "exclude", &asked->exclude);
    if (asked->exclude.count > 0 && request->drive)
        return usage_error(invocation->command, err,
                           "--exclude goes with --all, not with one drive");
    if (invocation_has(invocation, "memory") && check_memory(invocation, action, err) < 0)
        return -1;
    if (invocation_has(invocation, "live") && invocation_has(invocation, "auto"))
        return usage_error(invocation->command, err,
                           "Either --live or --auto: both together are no request");
    request->exclude = &asked->exclude;
    request->way = way_of(invocation);
    asked->format = export_format(invocation);
    request->overwrite = invocation_has(invocation, "overwrite");
    request->freeze_timeout = invocation_has(invocation, "quiesce")
                                  ? invocation_milliseconds(invocation, "freeze-timeout")
                                  : -1;
    request->timeout = invocation_milliseconds(invocation, "wait");
    return 0;
}

/* ---- the command ---- */

static const struct action actions[] = {
    {.name = "create",
     .operands = "DRIVE NAME",
     .needs_name = true,
     .run = snapshot_create},
    {.name = "list", .operands = "[DRIVE]", .all_drives = true, .run = snapshot_list},
    {.name = "load", .operands = "DRIVE NAME", .needs_name = true, .run = snapshot_load},
    {.name = "delete",
     .operands = "DRIVE NAME",
     .needs_name = true,
     .run = snapshot_delete},
    {.name = "tree", .operands = "[DRIVE]", .all_drives = true, .run = snapshot_tree},
    {.name = "export",
     .operands = "DRIVE NAME FILE",
     .needs_name = true,
     .needs_file = true,
     .needs_drive = true,
     .run = snapshot_export},
};

static const struct action *
find_action(const struct invocation *invocation, const char *word,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        if (strcmp(actions[i].name, word) == 0)
            return &actions[i];
        maqet_strings_add(&names, actions[i].name);
    }
    usage_error_unknown(invocation->command, "action", word, &names, err);
    return NULL;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct action *action =
        find_action(invocation, invocation->operands.items[1], err);
    struct asked asked = {0};

    if (!action)
        return -1;
    if (!action->needs_file && invocation_has(invocation, "mode"))
        return usage_error(invocation->command, err, "--mode is for export");
    if (!action->needs_file && export_format(invocation))
        return usage_error(invocation->command, err,
                           "--format %s is for export; results are written as table, "
                           "json, yaml or plain",
                           export_format(invocation));
    int result = read_operands(invocation, action, &asked, err);
    if (result == 0)
        result = action->run(invocation, &asked, err);
    maqet_strings_clear(&asked.exclude);
    return result;
}

static const struct command_option options[] = {
    {.name = "live", .help = "while the VM runs; without it, the VM must be stopped"},
    {.name = "auto", .help = "live or offline, whichever the VM's state asks for"},
    {.name = "all", .help = "all drives together, in the place of DRIVE"},
    {.name = "exclude",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .help = "with --all, leave that drive, or other device that the guest can write to, "
             "out; may be repeated"},
    {.name = "overwrite",
     .help =
         "create: replace a snapshot of that name, of which one is there at any time"},
    {.name = "quiesce",
     .help = "create --live: freeze the guest's file systems meanwhile, by its guest "
             "agent"},
    {.name = "freeze-timeout",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .fallback = "10",
     .help = "how long freezing may take; what takes longer is undone"},
    {.name = "memory",
     .help = "create --all --live: keep the guest's memory, too; the same as 'maqet "
             "checkpoint VM create NAME'"},
    OPTION_METHOD_ROW,
    OPTION_LIMIT_ROW,
    {.name = "yes", .letter = 'y', .help = "load: don't ask"},
    OPTION_WAIT_ROW,
    {.name = "format",
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "table",
     .choice = any_format_name,
     .help = "export: qcow2 (unless given) or raw, the format of FILE; else how results "
             "are written, as for every command"},
    {.name = "mode",
     .type = OPTION_TEXT,
     .argument = "MODE",
     .help = "export: who may read FILE, such as 0644; 0600 unless given"},
    {.name = "decrypt",
     .help = "export: write what an encrypted drive holds without encryption; otherwise "
             "FILE is encrypted with the same key"},
    {.name = "compress",
     .help =
         "export: compress what is written; create --memory: the memory that is kept"},
    {0},
};

static const struct command_example examples[] = {
    {"maqet snapshot myvm create hdd before-upgrade", "Of a VM that is stopped"},
    {"maqet snapshot myvm create hdd checkpoint-1 --live", "Of one that runs on"},
    {"maqet snapshot myvm create --all nightly --auto", "Of all drives at one instant"},
    {"maqet snapshot myvm list hdd --format table", "What there is, and what it costs"},
    {"maqet snapshot myvm tree", "What came of what, and where the VM is now"},
    {"maqet snapshot myvm load hdd before-upgrade", "Back; what came after it is lost"},
    {"maqet snapshot myvm export hdd nightly /backup/hdd.qcow2 --compress",
     "That snapshot as an image of its own"},
    {0},
};

const struct command command_snapshot = {
    .name = "snapshot",
    .operands = "VM create|list|load|delete|tree|export [DRIVE] [NAME] [FILE]",
    .min_operands = 2,
    .max_operands = 5,
    .summary = "Keep, show and bring back states of drives",
    .description =
        "A snapshot keeps what is on a drive, inside its image. It is not a backup: it "
        "lives and dies with the image. What is in the guest's memory is not in it; "
        "after a live one is loaded, the guest boots as after a power cut, and with "
        "--quiesce as after all was written out.\n"
        "create, load and delete work on a VM that is stopped; with --live on one that "
        "runs. The guest is not stopped by a live create. A live load ends QEMU, "
        "reverts the drive and starts QEMU again. With --all, the drives are kept at "
        "one instant, reverted all or none, and listed as one.\n"
        "load discards what came after the snapshot, and asks on a terminal. The sizes "
        "in a list are what deleting that snapshot alone would free; those of a VM "
        "that runs are as of the guest's last flush.\n"
        "export works whether the VM runs or not. The file has the size that the drive "
        "had when the snapshot was taken, and only you may read it, unless --mode says "
        "otherwise. What an encrypted "
        "drive holds is encrypted with the same key, unless --decrypt is given; raw "
        "and compressed files can't be encrypted.\n"
        "A QEMU that does not answer within --wait seconds is an error. load --live "
        "ends it all the same, and list shows what the images say.\n"
        "A command that is interrupted, however it is, leaves nothing half done: the "
        "next one that changes something, or the next start, puts it right and says "
        "so, unless that would discard what is newer; then 'maqet recover' is for you "
        "to decide.",
    .options = options,
    .examples = examples,
    .view = {.columns = snapshot_columns},
    .run = run,
};
