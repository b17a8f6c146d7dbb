/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_actions.h"

#include <string.h>

#include "cli/cmd_checkpoint.h"
#include "cli/snapshots.h"
#include "core/base/files.h"
#include "core/config/options.h"
#include "core/snapshot/snapshot.h"

/* ---- what is asked for ---- */

/* One call of an action, and what came of it. */
struct call {
    struct maqet_snapshot_request request; /* its texts are those of the command line */
    struct maqet_strings exclude;
    struct maqet_snapshot_receipt receipt;
    bool runs; /* after a load */
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

static enum maqet_way
way_of(const struct invocation *invocation)
{
    if (invocation_has(invocation, "auto"))
        return MAQET_WAY_AUTO;
    return invocation_has(invocation, "live") ? MAQET_WAY_LIVE : MAQET_WAY_OFFLINE;
}

/* With memory it is a checkpoint, which is of all drives of a VM that runs, or is none. */
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
check_options(const struct invocation *invocation, struct maqet_error **err)
{
    if (invocation_has(invocation, "exclude") && operand_find(invocation, OPERAND_DRIVE))
        return usage_error(invocation, err,
                           "--exclude goes with --all, not with one drive");
    if (invocation_has(invocation, "memory") && check_memory(invocation, err) < 0)
        return -1;
    if (invocation_has(invocation, "live") && invocation_has(invocation, "auto"))
        return usage_error(invocation, err, "--live and --auto are mutually exclusive");
    return 0;
}

/* Reads the operands and options of any action. Returns 0, or -1 with an error where they
 * exclude each other. */
static int
call_read(const struct invocation *invocation, struct call *call,
          struct maqet_error **err)
{
    const char *name = operand_find(invocation, OPERAND_SNAPSHOT);

    if (check_options(invocation, err) < 0)
        return -1;
    invocation_texts(invocation, "exclude", &call->exclude);
    call->request = (struct maqet_snapshot_request){
        .vm = operand_find(invocation, OPERAND_VM),
        .drive = operand_find(invocation, OPERAND_DRIVE),
        .name = name ? name : operand_find(invocation, OPERAND_NEW_NAME),
        .exclude = &call->exclude,
        .way = way_of(invocation),
        .overwrite = invocation_has(invocation, "overwrite"),
        .freeze_timeout = invocation_has(invocation, "quiesce")
                              ? invocation_milliseconds(invocation, "freeze-timeout")
                              : -1,
        .timeout = invocation_milliseconds(invocation, "wait"),
    };
    return 0;
}

/* ---- what create, load, delete and export have in common ---- */

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

/* What a command at all drives left out, a line for each reason. */
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

const struct view snapshot_create_view = {
    .table = {.fields = &create_fields,
              .columns = "name drives pause_ms wall_ms consistency"},
    .text = create_text,
    .confirmation = true,
    .remark = "With --memory, it is that of 'maqet checkpoint create'.",
};

int
snapshot_create(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};

    if (call_read(invocation, &call, err) < 0)
        return -1;
    if (invocation_has(invocation, "memory"))
        return checkpoint_create(invocation, err);
    if (maqet_snapshot_create(&invocation->context, &call.request, &call.receipt, err) <
        0)
        return -1;
    output_result(&invocation->output, &snapshot_create_view, &call);
    return 0;
}

/* ---- list and tree ---- */

int
snapshot_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        call_read(invocation, &call, err) == 0
            ? maqet_snapshot_list(&invocation->context, &call.request, err)
            : NULL;

    if (!list)
        return -1;
    _cleanup_snapshot_rows_ struct snapshot_rows rows = {0};
    if (call.request.drive)
        snapshot_rows_all(&rows, list);
    else
        snapshot_rows_sets(&rows, list);
    /* A table of all there is to know is for those who ask for one. */
    if (invocation->output.format != FORMAT_TABLE ||
        invocation_has(invocation, "format")) {
        output_list(&invocation->output, &snapshots_view, rows.items, rows.count);
        return 0;
    }
    const struct snapshot_listing listing = {
        .vm = list->vm, .drive = call.request.drive, .rows = rows};
    output_result(&invocation->output, &snapshot_listing_view, &listing);
    return 0;
}

int
snapshot_tree(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        call_read(invocation, &call, err) == 0
            ? maqet_snapshot_list(&invocation->context, &call.request, err)
            : NULL;

    if (!list)
        return -1;
    if (invocation->output.format == FORMAT_TABLE) {
        snapshot_tree_show(&invocation->output, list);
        return 0;
    }
    _cleanup_snapshot_rows_ struct snapshot_rows rows = {0};
    snapshot_rows_all(&rows, list);
    output_list(&invocation->output, &snapshots_view, rows.items, rows.count);
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

    return snapshot_confirm(
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

const struct view snapshot_load_view = {
    .table = {.fields = &load_fields, .columns = "name drives"},
    .text = load_text,
    .confirmation = true};

int
snapshot_load(struct invocation *invocation, struct maqet_error **err)
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
    output_result(&invocation->output, &snapshot_load_view, &call);
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

const struct view snapshot_delete_view = {
    .table = {.fields = &delete_fields, .columns = "name drives"},
    .text = delete_text,
    .confirmation = true};

int
snapshot_delete(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};

    if (call_read(invocation, &call, err) < 0 ||
        maqet_snapshot_delete(&invocation->context, &call.request, &call.receipt.drives,
                              &call.receipt.left, err) < 0)
        return -1;
    output_result(&invocation->output, &snapshot_delete_view, &call);
    return 0;
}

/* ---- export ---- */

MAQET_WORDS(image_format, "qcow2", "raw")

const char *
snapshot_format_name(unsigned index)
{
    unsigned results = 0;

    while (format_name(results))
        results++;
    return index < results ? format_name(index) : image_format(index - results);
}

/* The last image format that was given, or qcow2. */
static const char *
export_format(const struct invocation *invocation)
{
    _cleanup_strings_ struct maqet_strings given = MAQET_STRINGS_INIT;
    const char *format = image_format(0);

    invocation_texts(invocation, "format", &given);
    for (size_t i = 0; i < given.count; i++)
        for (unsigned index = 0; image_format(index); index++)
            if (strcmp(given.items[i], image_format(index)) == 0)
                format = image_format(index);
    return format;
}

static const struct maqet_fields export_fields = MAQET_FIELDS_OF(
    struct call, DONE_ROWS,
    {"format", MAQET_FIELD_CHOICE(struct call, export.format, image_format),
     .help = "the format of the file"},
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

const struct view snapshot_export_view = {
    .table = {.fields = &export_fields, .columns = "name drives format file"},
    .text = export_text,
    .confirmation = true,
};

/* What --mode says, 0 where it is not given. */
static int
export_mode(const struct invocation *invocation, mode_t *mode, struct maqet_error **err)
{
    const char *text = invocation_text(invocation, "mode");
    int64_t value = 0;

    if (text && (!maqet_parse_mode(text, &value) || (value & ~INT64_C(0777)) != 0 ||
                 (value & 0600) != 0600))
        return usage_error(
            invocation, err,
            "--mode %s: a file mode in octal, such as 0644, with which its "
            "owner can read and write the file",
            text);
    *mode = (mode_t)value;
    return 0;
}

int
snapshot_export(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_call_ struct call call = {0};
    mode_t mode = 0;

    if (call_read(invocation, &call, err) < 0 || export_mode(invocation, &mode, err) < 0)
        return -1;
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *path = maqet_path_absolute(
        operand_find(invocation, OPERAND_NEW_FILE), here ? here : "/");
    call.export = (struct maqet_export){
        .path = path,
        .mode = mode,
        .format = export_format(invocation),
        .compress = invocation_has(invocation, "compress"),
        .decrypt = invocation_has(invocation, "decrypt"),
    };
    if (call.export.compress && strcmp(call.export.format, "raw") == 0)
        return usage_error(invocation, err, "A raw image cannot be compressed");
    if (maqet_snapshot_export(&invocation->context, &call.request, &call.export, err) < 0)
        return -1;
    maqet_strings_add(&call.receipt.drives, call.request.drive);
    output_result(&invocation->output, &snapshot_export_view, &call);
    return 0;
}
