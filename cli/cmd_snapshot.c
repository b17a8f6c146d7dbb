/* SPDX-License-Identifier: MIT */
#include "cli/checkpoints.h"
#include "cli/options.h"
#include "cli/snapshot_actions.h"
#include "cli/snapshots.h"

/* ---- options ---- */

#define OPTION_LIVE_ROW                                                                  \
    OPTION_ROW("live", .help = "on a running VM; without this option, the VM must be "   \
                               "stopped")
#define OPTION_AUTO_ROW                                                                  \
    OPTION_ROW("auto", .help = "live or offline, depending on the VM's state")
#define OPTION_ALL_ROW OPTION_ROW("all", .help = "all drives together, instead of DRIVE")
#define OPTION_EXCLUDE_ROW                                                               \
    OPTION_ROW("exclude", .type = OPTION_TEXT, .argument = "NAME",                       \
               .help = "with --all, leave out this drive, or other device that the "     \
                       "guest can write to; may be repeated")

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "create",
     .summary = "Keep the state of a drive, or of all drives at one instant",
     .description =
         "On a VM that is stopped; with --live on one that runs, whose guest is "
         "not stopped by it.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_NEW_NAME},
     .options =
         {OPTION_LIVE_ROW,
          OPTION_AUTO_ROW,
          OPTION_ALL_ROW,
          OPTION_EXCLUDE_ROW,
          {"overwrite",
           .help = "replace a snapshot of that name, of which one is there at any time"},
          {"quiesce",
           .help =
               "with --live, freeze the guest's file systems meanwhile, by its guest agent"},
          {"freeze-timeout", .type = OPTION_SECONDS, .argument = "SECONDS",
           .fallback = "10",
           .help = "how long freezing may take; after that it is undone"},
          {"memory",
           .help =
               "with --all and --live, keep the guest's memory, too; the same as 'maqet "
               "checkpoint VM create NAME'"},
          OPTION_METHOD_ROW,
          OPTION_LIMIT_ROW,
          OPTION_COMPRESS_STATE_ROW,
          OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm create hdd before-upgrade", "Of a stopped VM"},
                  {"maqet snapshot myvm create hdd checkpoint-1 --live",
                   "Of a VM that keeps running"},
                  {"maqet snapshot myvm create --all nightly --auto",
                   "Of all drives at one instant"}},
     .view = &snapshot_create_view,
     .run = snapshot_create},
    {.name = "list",
     .summary = "List snapshots, of one drive or of all",
     .description =
         "The sizes are what deleting that snapshot alone would free; those of "
         "a VM that runs are as of the guest's last flush. Where a QEMU does "
         "not answer within --wait seconds, it shows what the images say.",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm list hdd --format table",
                   "List them with the space that "
                   "they use"}},
     .view = &snapshots_view,
     .run = snapshot_list},
    {.name = "load",
     .summary = "Bring the state of a drive, or of all drives, back",
     .description =
         "Discards what came after the snapshot, and asks on a terminal. On a VM that is "
         "stopped; with --live on one that runs: it ends QEMU, also one that does not "
         "answer within --wait seconds, reverts the drive and starts QEMU again. With "
         "--all, all drives are reverted or none.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "don't ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm load hdd before-upgrade",
                   "Load it; what has been written "
                   "since is lost"}},
     .view = &snapshot_load_view,
     .run = snapshot_load},
    {.name = "delete",
     .summary = "Delete a snapshot of a drive, or of all drives",
     .description = "On a VM that is stopped; with --live on one that runs.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "for scripts that say so; it does not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm delete hdd before-upgrade",
                   "Delete one, and free its space"}},
     .view = &snapshot_delete_view,
     .run = snapshot_delete},
    {.name = "tree",
     .summary = "Show what came of what, and where the VM is now",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm tree",
                   "Show which snapshot was created from which"}},
     .view = &snapshots_view,
     .run = snapshot_tree},
    {.name = "export",
     .summary = "Write a snapshot to an image of its own",
     .description =
         "Works whether the VM runs or not. The file has the size that the drive had "
         "when the snapshot was taken, and only you may read it, unless --mode says "
         "otherwise. What an encrypted drive holds is encrypted with the same key, "
         "unless --decrypt is given; raw and compressed files cannot be encrypted.",
     .operands = {OPERAND_DRIVE, OPERAND_SNAPSHOT, OPERAND_NEW_FILE},
     .options =
         {{"format", .type = OPTION_CHOICE, .argument = "FORMAT",
           .choice = snapshot_format_name,
           .help =
               "qcow2 (unless given) or raw, the format of FILE; or how the result is "
               "written, as for every command"},
          {"mode", .type = OPTION_TEXT, .argument = "MODE",
           .help = "who may read FILE, such as 0644; 0600 unless given"},
          {"decrypt",
           .help =
               "write what an encrypted drive holds without encryption; otherwise FILE is "
               "encrypted with the same key"},
          {"compress", .help = "compress what is written"},
          OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm export hdd nightly /backup/hdd.qcow2 --compress",
                   "Write the snapshot to an image of its own"}},
     .view = &snapshot_export_view,
     .run = snapshot_export},
    {0},
};

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "Create, list and load snapshots of drives",
    .operands = {OPERAND_VM},
    .description =
        "A snapshot keeps what is on a drive, inside its image. It is not a backup: it "
        "lives and dies with the image. What is in the guest's memory is not in it; "
        "after a live one is loaded, the guest boots as after a power cut, and with "
        "--quiesce as after all was written out. With --all, the drives are kept at one "
        "instant, reverted all or none, and listed as one.\n"
        "A QEMU that does not answer within --wait seconds is an error.\n"
        "A command that is interrupted, however it is, leaves nothing half done: the "
        "next one that changes something, or the next start, puts it right and says "
        "so, unless that would discard what is newer; then 'maqet recover' is for you "
        "to decide.",
    .actions = actions,
};
