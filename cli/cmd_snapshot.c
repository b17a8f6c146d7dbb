/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cmd_checkpoint.h"
#include "cli/context.h"
#include "cli/image_format.h"
#include "cli/options.h"
#include "cli/snapshot_convert.h"
#include "cli/snapshots.h"
#include "core/config/options.h"

/* ---- requests ---- */

/* One call of an action, and its result. */
struct call {
    struct maqet_snapshot_request request; /* with texts of the command line */
    struct maqet_strings exclude;
    struct maqet_snapshot_receipt receipt;
    bool runs; /* after load */
    int pid;
    struct maqet_export export;
};

static void
call_clear(struct call *call)
{
    maqet_strings_clear(&call->exclude);
    maqet_snapshot_receipt_clear(&call->receipt);
}

#define _cleanup_call_ _cleanup_(call_clear)

static int
call_read(const struct invocation *invocation, struct call *call,
          struct maqet_error **err)
{
    return snapshot_read_request(invocation, &call->request, &call->exclude, err);
}

/* ---- results of create, load, delete and export ---- */

#define FIELD(key, member, what)                                                         \
    {                                                                                    \
        key, MAQET_FIELD(struct call, member), .help = what                              \
    }
#define DONE_ROWS                                                                        \
    FIELD("vm", request.vm, "the VM's name"),                                            \
        FIELD("name", request.name, "the snapshot's name"),                              \
        FIELD("drives", receipt.drives, "the drives that it covers")
#define LEFT_ROWS                                                                        \
    FIELD("skipped", receipt.left.skipped,                                               \
          "the drives with nothing that a snapshot saves"),                              \
        FIELD("excluded", receipt.left.excluded,                                         \
              "the drives and other devices that are left out")

/* "'a', 'b'" */
static char *
quoted(const struct maqet_strings *names)
{
    _cleanup_free_ char *list = maqet_strings_join(names, "', '");

    return names->count > 0 ? maqet_format("'%s'", list) : maqet_strdup("");
}

/* "Created snapshot 'a' of drives 'hdd', 'data' on VM 'myvm'." */
static char *
done_text(const char *what, const struct call *call, const char *of)
{
    const struct maqet_strings *names = &call->receipt.drives;
    _cleanup_free_ char *drives = quoted(names);

    return maqet_format("%s snapshot '%s' %s %s %s on VM '%s'.\n", what,
                        call->request.name, of, names->count == 1 ? "drive" : "drives",
                        drives, call->request.vm);
}

/* What --all left out, a line for each reason. */
static char *
left_text(const struct maqet_snapshot_left *left, bool skipped_too)
{
    _cleanup_free_ char *skipped = quoted(&left->skipped);
    _cleanup_free_ char *excluded = quoted(&left->excluded);
    struct maqet_text text = MAQET_TEXT_INIT;

    if (skipped_too && *skipped)
        maqet_text_appendf(&text,
                           "Skipped, with nothing that a snapshot could "
                           "record: %s.\n",
                           skipped);
    if (*excluded)
        maqet_text_appendf(&text, "Excluded, and not changed: %s.\n", excluded);
    return maqet_text_take(&text);
}

/* ---- create ---- */

MAQET_WORDS(
    consistency_word, [MAQET_CONSISTENCY_CRASH] = "crash",
    [MAQET_CONSISTENCY_FILE_SYSTEM] = "file-system", [MAQET_CONSISTENCY_OFF] = "off")

static const struct maqet_fields create_fields = MAQET_FIELDS_OF(
    struct call, DONE_ROWS, LEFT_ROWS,
    FIELD("live", receipt.live, "whether the VM was running"),
    FIELD("replaced", receipt.replaced, "whether there was one of that name"),
    FIELD("stopped", receipt.stopped, "whether the guest was paused for it"),
    {"pause_ms", MAQET_FIELD(struct call, receipt.pause), .unit = MAQET_UNIT_MILLISECONDS,
     .title = "PAUSE", .help = "how long the guest was paused"},
    {"wall_ms", MAQET_FIELD(struct call, receipt.wall), .unit = MAQET_UNIT_MILLISECONDS,
     .title = "TIME", .help = "how long all of it took"},
    {"consistency", MAQET_FIELD_WORD(struct call, receipt.consistency, consistency_word),
     .help = "the state of the guest's file systems"});

static char *
create_text(const void *row)
{
    const struct call *call = row;
    const struct maqet_snapshot_receipt *receipt = &call->receipt;
    _cleanup_free_ char *done =
        done_text(receipt->replaced ? "Replaced" : "Created", call, "of");
    _cleanup_free_ char *still =
        !receipt->live ? maqet_strdup("the VM was off")
        : receipt->stopped
            ? maqet_format("the guest was paused for %.1f ms", receipt->pause)
            : maqet_strdup("guest pause 0 ms, not stopped");
    _cleanup_free_ char *left = left_text(&receipt->left, true);

    return maqet_format("%sTook %.0f ms; %s; consistency: %s.\n%s", done, receipt->wall,
                        still,
                        receipt->consistency == MAQET_CONSISTENCY_OFF
                            ? "off, as the guest left it"
                            : consistency_word(receipt->consistency),
                        left);
}

static const struct view create_view = {
    .table = {.fields = &create_fields,
              .columns = "name drives pause_ms wall_ms consistency"},
    .text = create_text,
    .confirmation = true,
    .remark = "With --memory, it is that of 'maqet checkpoint create'.",
};

/* With memory it is a checkpoint, which is always of all drives of a running VM. */
static int
check_memory(const struct invocation *invocation, struct maqet_error **err)
{
    static const char *const others[] = {"exclude", "overwrite", "quiesce"};

    if (!invocation_has(invocation, "all") || !invocation_has(invocation, "live"))
        return usage_error(invocation, err,
                           "--memory goes with create --all NAME --live");
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (invocation_has(invocation, others[i]))
            return usage_error(invocation, err, "--memory does not go with --%s",
                               others[i]);
    return 0;
}

static int
run_create(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};

    if (call_read(invocation, &call, err) < 0)
        return -1;
    if (invocation_has(invocation, "memory"))
        return check_memory(invocation, err) < 0 ? -1
                                                 : checkpoint_create(invocation, err);
    if (maqet_snapshot_create(&invocation->context, &call.request, &call.receipt, err) <
        0)
        return -1;
    output_result(&invocation->output, &create_view, &call);
    return 0;
}

/* ---- load ---- */

static int
confirm(const struct invocation *invocation, const struct call *call, bool live,
        struct maqet_error **err)
{
    const struct maqet_snapshot_request *request = &call->request;
    const struct maqet_strings *drives = &call->receipt.drives;
    _cleanup_free_ char *list = quoted(drives);
    _cleanup_free_ char *kept = quoted(&call->receipt.left.excluded);

    return confirm_load(
        invocation, live,
        maqet_format("Loading the snapshot '%s' discards all changes made after it on "
                     "%s %s of VM '%s'%s%s%s%s",
                     request->name, drives->count == 1 ? "drive" : "drives", list,
                     request->vm, *kept ? ", and leaves " : "", kept,
                     *kept ? " alone" : "",
                     live ? ". QEMU is ended and started again, which takes seconds: "
                            "the guest's memory is lost, and it boots"
                          : ""),
        err);
}

static const struct maqet_fields load_fields = MAQET_FIELDS_OF(
    struct call, DONE_ROWS, LEFT_ROWS,
    MAQET_ROW(struct call, pid, "QEMU's process ID; null if it does not run",
              .known = MAQET_KNOWN(struct call, runs)));

static char *
load_text(const void *row)
{
    const struct call *call = row;
    _cleanup_free_ char *done = done_text("Loaded", call, "on");
    _cleanup_free_ char *left = left_text(&call->receipt.left, false);

    return call->runs
               ? maqet_format("%s%sThe VM runs again (PID %d).\n", done, left, call->pid)
               : maqet_format("%s%s", done, left);
}

static const struct view load_view = {
    .table = {.fields = &load_fields, .columns = "name drives"},
    .text = load_text,
    .confirmation = true};

static int
run_load(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};
    bool live;

    if (call_read(invocation, &call, err) < 0 ||
        maqet_snapshot_loadable(&invocation->context, &call.request, &live,
                                &call.request.silent, &call.receipt.drives,
                                &call.receipt.left, err) < 0 ||
        confirm(invocation, &call, live, err) < 0 ||
        maqet_snapshot_load(&invocation->context, &call.request, &call.pid, err) < 0)
        return -1;
    call.runs = call.pid > 0;
    output_result(&invocation->output, &load_view, &call);
    return 0;
}

/* ---- delete ---- */

static const struct maqet_fields delete_fields =
    MAQET_FIELDS_OF(struct call, DONE_ROWS, LEFT_ROWS);

static char *
delete_text(const void *row)
{
    const struct call *call = row;
    _cleanup_free_ char *done = done_text("Deleted", call, "of");
    _cleanup_free_ char *left = left_text(&call->receipt.left, false);

    return maqet_format("%s%s", done, left);
}

static const struct view delete_view = {
    .table = {.fields = &delete_fields, .columns = "name drives"},
    .text = delete_text,
    .confirmation = true};

static int
run_delete(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};

    if (call_read(invocation, &call, err) < 0 ||
        maqet_snapshot_delete(&invocation->context, &call.request, &call.receipt.drives,
                              &call.receipt.left, err) < 0)
        return -1;
    output_result(&invocation->output, &delete_view, &call);
    return 0;
}

/* ---- export ---- */

static const struct maqet_fields export_fields = MAQET_FIELDS_OF(
    struct call, DONE_ROWS, FIELD("format", export.format, "the format of the file"),
    FIELD("file", export.path, "the file that was written"),
    FIELD("decrypted", export.decrypt,
          "whether --decrypt was given, and it is not encrypted"));

static char *
export_text(const void *row)
{
    const struct call *call = row;
    _cleanup_free_ char *done = done_text("Exported", call, "of");

    return maqet_format("%sIt is in %s%s.\n", done, call->export.path,
                        call->export.decrypt ? ", which is not encrypted" : "");
}

static const struct view export_view = {
    .table = {.fields = &export_fields, .columns = "name drives format file"},
    .text = export_text,
    .confirmation = true,
};

static int
run_export(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};
    const char *given = given_image_format(invocation);
    mode_t mode = 0;

    if (call_read(invocation, &call, err) < 0 || image_mode(invocation, &mode, err) < 0)
        return -1;
    _cleanup_free_ char *path = context_path(operand_find(invocation, OPERAND_NEW_FILE));
    call.export = (struct maqet_export){
        .path = path,
        .mode = mode,
        .format = given ? given : image_format(0),
        .compress = invocation_has(invocation, "compress"),
        .decrypt = invocation_has(invocation, "decrypt"),
    };
    if (call.export.compress && strcmp(call.export.format, "raw") == 0)
        return usage_error(invocation, err, "A raw image cannot be compressed");
    if (maqet_snapshot_export(&invocation->context, &call.request, &call.export, err) < 0)
        return -1;
    maqet_strings_add(&call.receipt.drives, call.request.drive);
    output_result(&invocation->output, &export_view, &call);
    return 0;
}

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "create",
     .undoes = true,
     .undone = "Nothing was created",
     .summary = "Create a snapshot of a drive, or of all drives at the same instant",
     .description =
         "Works on a stopped VM or, with --live, on a running one, whose guest "
         "continues to run.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL | OPERAND_WITH_SNAPSHOTS,
                  OPERAND_NEW_NAME},
     .options =
         {OPTION_LIVE_ROW,
          OPTION_AUTO_ROW,
          OPTION_ALL_ROW,
          OPTION_EXCLUDE_ROW,
          {"overwrite",
           .help = "replace a snapshot of that name; one of the two always exists"},
          {"quiesce", .help = "with --live, have the guest agent freeze file systems"},
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
     .view = &create_view,
     .run = run_create},
    {.name = "list",
     .endable = true,
     .summary = "List snapshots, of one drive or of all",
     .description =
         "The sizes are what deleting that snapshot alone would free; those of a "
         "running VM are as of the guest's last flush. If QEMU does not answer within "
         "--wait seconds, the list is what the images say.",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL |
                  OPERAND_WITH_SNAPSHOTS},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm list hdd --format table",
                   "List them with the space that "
                   "they use"}},
     .view = &snapshots_view,
     .run = snapshot_list},
    {.name = "load",
     .undoes = true,
     .undone = "Nothing was loaded",
     .summary = "Revert a drive, or all drives, to a snapshot",
     .discards = true,
     .description =
         "Discards all changes made after the snapshot; on a terminal, you are asked "
         "first, and without one --yes is required. Works on a stopped VM or, with --live, on a running one: QEMU is "
         "ended, even if it does not answer within --wait seconds, the drive is "
         "reverted, and QEMU is started again. With --all, either all drives are "
         "reverted or none.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL | OPERAND_WITH_SNAPSHOTS,
                  OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "do not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm load hdd before-upgrade",
                   "Load it; what was written since is lost"}},
     .view = &load_view,
     .run = run_load},
    {.name = "delete",
     .undoes = true,
     .undone = "It may have been deleted nevertheless",
     .summary = "Delete a snapshot of a drive, or of all drives",
     .discards = true,
     .description = "Works on a stopped VM or, with --live, on a running one.",
     .operands = {OPERAND_DRIVE | OPERAND_OR_ALL | OPERAND_WITH_SNAPSHOTS,
                  OPERAND_SNAPSHOT},
     .options = {OPTION_LIVE_ROW,
                 OPTION_AUTO_ROW,
                 OPTION_ALL_ROW,
                 OPTION_EXCLUDE_ROW,
                 {"yes", 'y', .help = "accepted for scripts; this action does not ask"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm delete hdd before-upgrade",
                   "Delete one, and free its space"}},
     .view = &delete_view,
     .run = run_delete},
    {.name = "tree",
     .endable = true,
     .summary = "Show which snapshot was created from which, and where the "
                "VM is now",
     .operands = {OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_OR_ALL |
                  OPERAND_WITH_SNAPSHOTS},
     .options = {OPTION_ALL_ROW, OPTION_EXCLUDE_ROW, OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm tree",
                   "Show which snapshot was created from which"}},
     .view = &snapshots_view,
     .run = snapshot_tree},
    {.name = "export",
     .undoes = true,
     .undone = "Nothing was exported",
     .summary = "Write a snapshot to an image of its own",
     .description =
         "Works whether the VM is running or not. The file has the size that the drive "
         "had when the snapshot was created, and only you may read it unless --mode is "
         "given. The contents of an encrypted drive are encrypted with the same key "
         "unless --decrypt is given; raw and compressed files cannot be encrypted.",
     .operands = {OPERAND_DRIVE | OPERAND_WITH_SNAPSHOTS, OPERAND_SNAPSHOT,
                  OPERAND_NEW_FILE},
     .options = {{"format", .type = OPTION_CHOICE, .argument = "FORMAT",
                  .choice = format_or_image_format,
                  .help = "the format of FILE, qcow2 by default; or the format of "
                          "the result, as for every command"},
                 {"mode", .type = OPTION_TEXT, .argument = "MODE",
                  .help = "who may read FILE, such as 0644; the default is 0600"},
                 {"decrypt",
                  .help = "write the contents of an encrypted drive without encryption"},
                 {"compress", .help = "compress FILE"},
                 OPTION_WAIT_ROW},
     .examples = {{"maqet snapshot myvm export hdd nightly /backup/hdd.qcow2 --compress",
                   "Write the snapshot to an image of its own"}},
     .view = &export_view,
     .run = run_export},
    {.name = "convert",
     .undoes = true,
     .undone = "Nothing was converted",
     .summary = "Turn the snapshots of a drive into overlays, or back",
     .description =
         "Works on a stopped VM. With `overlay`, the snapshots that are inside of the "
         "image become files beside it, and with `internal` the reverse; the definition of "
         "the drive says so afterwards (`snapshots`). Each keeps its name, its date, its "
         "contents and its place in the tree, and the drive its present state. Nothing "
         "is changed before all of it is complete on the disk, for which there must be "
         "space.\nRefused for drives with checkpoints, whose snapshots must stay as "
         "they are, and if an image of another drive stands on them.\nWrite the key into "
         "your YAML file, too, before you apply that again.",
     .operands = {OPERAND_DRIVE, OPERAND_SNAPSHOT_KIND},
     .examples = {{"maqet snapshot myvm convert hdd overlay",
                   "Keep its snapshots beside the image from now on"}},
     .view = &snapshot_convert_view,
     .run = snapshot_convert},
    {0},
};

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "Create, list and load snapshots of drives",
    .related = "checkpoint resize storage qemu-img(1)",
    .operands = {OPERAND_VM},
    .description =
        "A snapshot saves the contents of a drive: inside its image or, if the drive has "
        "`snapshots: overlay`, in files beside that, or in the VM's folder if it is not a "
        "file. It is not a backup: without the image, "
        "its snapshots are lost as well. It does not include the "
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
