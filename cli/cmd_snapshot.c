/* SPDX-License-Identifier: MIT */
#include "cli/cmd_checkpoint.h"
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
     .summary = "Create a snapshot of a drive, or of all drives at the same instant",
     .description =
         "Works on a stopped VM or, with --live, on a running one, whose guest "
         "continues to run.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_NEW_NAME},
     .options =
         {OPTION_LIVE_ROW,
          OPTION_AUTO_ROW,
          OPTION_ALL_ROW,
          OPTION_EXCLUDE_ROW,
          {"overwrite",
           .help = "replace a snapshot of that name; one of the two always exists"},
          {"quiesce", .help = "with --live, have the guest agent freeze the file systems "
                              "meanwhile"},
          {"freeze-timeout", .type = OPTION_SECONDS, .argument = "SECONDS",
           .fallback = "10", .help = "how long freezing may take before it is undone"},
          {"memory", .help = "with --all and --live, save the guest's memory, too; the "
                             "same as 'maqet checkpoint VM create NAME'"},
          OPTION_METHOD_ROW,
          OPTION_LIMIT_ROW,
          OPTION_COMPRESS_STATE_ROW,
          OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm create hdd before-upgrade", "Of a stopped VM"},
                  {"maqet snapshot myvm create hdd checkpoint-1 --live",
                   "Of a VM that keeps running"},
                  {"maqet snapshot myvm create --all nightly --auto",
                   "Of all drives at the same instant"}},
     .view = &snapshot_create_view,
     .run = snapshot_create},
    {.name = "list",
     .summary = "List snapshots, of one drive or of all",
     .description =
         "The sizes are what deleting that snapshot alone would free; those of a "
         "running VM are as of the guest's last flush. If QEMU does not answer within "
         "--wait seconds, the list is what the images say.",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm list hdd --format table",
                   "List them with the space that "
                   "they use"}},
     .view = &snapshots_view,
     .run = snapshot_list},
    {.name = "load",
     .summary = "Revert a drive, or all drives, to a snapshot",
     .description =
         "Discards all changes made after the snapshot; on a terminal, you are asked "
         "first. Works on a stopped VM or, with --live, on a running one: QEMU is "
         "ended, even if it does not answer within --wait seconds, the drive is "
         "reverted, and QEMU is started again. With --all, either all drives are "
         "reverted or none.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "do not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm load hdd before-upgrade",
                   "Load it; what was written since is lost"}},
     .view = &snapshot_load_view,
     .run = snapshot_load},
    {.name = "delete",
     .summary = "Delete a snapshot of a drive, or of all drives",
     .description = "Works on a stopped VM or, with --live, on a running one.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL, OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "accepted for scripts; this action does not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm delete hdd before-upgrade",
                   "Delete one, and free its space"}},
     .view = &snapshot_delete_view,
     .run = snapshot_delete},
    {.name = "tree",
     .summary = "Show which snapshot was created from which, and where the "
                "VM is now",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm tree",
                   "Show which snapshot was created from which"}},
     .view = &snapshots_view,
     .run = snapshot_tree},
    {.name = "export",
     .summary = "Write a snapshot to an image of its own",
     .description =
         "Works whether the VM is running or not. The file has the size that the drive "
         "had when the snapshot was created, and only you may read it unless --mode is "
         "given. The contents of an encrypted drive are encrypted with the same key "
         "unless --decrypt is given; raw and compressed files cannot be encrypted.",
     .operands = {OPERAND_DRIVE, OPERAND_SNAPSHOT, OPERAND_NEW_FILE},
     .options = {{"format", .type = OPTION_CHOICE, .argument = "FORMAT",
                  .choice = snapshot_format_name,
                  .help = "the format of FILE, qcow2 (the default) or raw; or the "
                          "format of the result, as for every command"},
                 {"mode", .type = OPTION_TEXT, .argument = "MODE",
                  .help = "who may read FILE, such as 0644; the default is 0600"},
                 {"decrypt",
                  .help = "write the contents of an encrypted drive without encryption"},
                 {"compress", .help = "compress FILE"},
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
        "A snapshot saves the contents of a drive inside its image. It is not a "
        "backup: if the image is lost, so are its snapshots. It does not include the "
        "guest's memory: after a live snapshot is loaded, the guest boots as after a "
        "power failure or, with --quiesce, as after everything was written to the "
        "disk. With --all, the snapshots of the drives are created at the same "
        "instant, loaded together or not at all, and listed as one.\nIf QEMU does not "
        "answer within --wait seconds, that is an error.\nAn interrupted command "
        "leaves nothing half done: the next command that changes something, or the "
        "next start, recovers it and says so, unless that would discard newer data; "
        "then 'maqet recover' lets you decide.",
    .actions = actions,
};
