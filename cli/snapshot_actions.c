/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_actions.h"

#include <string.h>

#include "cli/checkpoints.h"
#include "cli/machines.h"
#include "cli/snapshot_request.h"
#include "cli/snapshot_tree.h"
#include "cli/snapshots.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/config/options.h"

/* ---- what create, load, delete and export have in common ---- */

struct done {
    const char *vm;
    const char *name;
    struct maqet_strings drives;
};

#define DONE_ROWS(of, part)                                                              \
    {"vm", MAQET_FIELD(of, part.vm), .help = "the VM's name"},                           \
        {"name", MAQET_FIELD(of, part.name), .help = "the snapshot's name"},             \
    {                                                                                    \
        "drives", MAQET_FIELD(of, part.drives), .help = "the drives that it is of"       \
    }

#define LEFT_ROWS(of, part)                                                              \
    {"skipped", MAQET_FIELD(of, part.skipped),                                           \
     .help = "the drives that hold nothing which a snapshot keeps"},                     \
    {                                                                                    \
        "excluded", MAQET_FIELD(of, part.excluded),                                      \
            .help = "the drives and other devices that are left out"                     \
    }

/* "'a', 'b'" */
static char *
quoted(const struct maqet_strings *names)
{
    _cleanup_free_ char *list = maqet_strings_join(names, "', '");

    return names->count > 0 ? maqet_format("'%s'", list) : maqet_strdup("");
}

/* "Created snapshot 'a' of drives 'hdd', 'data' on VM 'myvm'." */
static char *
done_text(const char *what, const struct done *done, const char *of)
{
    _cleanup_free_ char *drives = quoted(&done->drives);

    return maqet_format("%s snapshot '%s' %s %s %s on VM '%s'.\n", what, done->name, of,
                        done->drives.count == 1 ? "drive" : "drives", drives, done->vm);
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

struct created {
    struct done done;
    struct maqet_snapshot_receipt receipt;
};

static const struct maqet_fields create_fields = MAQET_FIELDS_OF(
    struct created, DONE_ROWS(struct created, done),
    LEFT_ROWS(struct created, receipt.left),
    {"live", MAQET_FIELD(struct created, receipt.live),
     .help = "whether the machine ran"},
    {"replaced", MAQET_FIELD(struct created, receipt.replaced),
     .help = "whether there was one of that name"},
    {"stopped", MAQET_FIELD(struct created, receipt.stopped),
     .help = "whether the guest stood still for it"},
    {"pause_ms", MAQET_FIELD(struct created, receipt.pause),
     .unit = MAQET_UNIT_MILLISECONDS, .title = "PAUSE",
     .help = "how long the guest stood still"},
    {"wall_ms", MAQET_FIELD(struct created, receipt.wall),
     .unit = MAQET_UNIT_MILLISECONDS, .title = "TIME", .help = "how long all of it took"},
    {"consistency",
     MAQET_FIELD_WORD(struct created, receipt.consistency, consistency_word),
     .help = "in which state the guest's file systems were"});

static char *
create_text(const void *row)
{
    const struct created *created = row;
    const struct maqet_snapshot_receipt *receipt = &created->receipt;
    _cleanup_free_ char *done =
        done_text(receipt->replaced ? "Replaced" : "Created", &created->done, "of");
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
    .remark = "With --memory, it is what 'maqet checkpoint create' gives.",
};

int
snapshot_create(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    struct created created = {0};

    if (asked_read(invocation, &asked, err) < 0)
        return -1;
    if (invocation_has(invocation, "memory"))
        return checkpoint_create(invocation, asked.request.vm, asked.request.name, err);
    if (maqet_snapshot_create(&invocation->context, &asked.request, &created.receipt,
                              err) < 0) {
        maqet_snapshot_receipt_clear(&created.receipt);
        return -1;
    }
    created.done =
        (struct done){asked.request.vm, asked.request.name, created.receipt.drives};
    output_result(&invocation->output, &snapshot_create_view, &created);
    maqet_snapshot_receipt_clear(&created.receipt);
    return 0;
}

/* ---- list and tree ---- */

int
snapshot_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        asked_read(invocation, &asked, err) == 0
            ? maqet_snapshot_list(&invocation->context, &asked.request, err)
            : NULL;

    if (!list)
        return -1;
    _cleanup_snapshot_rows_ struct snapshot_rows rows = {0};
    if (asked.request.drive)
        snapshot_rows_all(&rows, list);
    else
        snapshot_rows_sets(&rows, list);
    /* A table of all there is to know is for those who ask for one. */
    if (invocation->output.format != FORMAT_TABLE ||
        invocation_has(invocation, "format")) {
        output_list(&invocation->output, &snapshots_view, rows.items, rows.count);
        return 0;
    }
    const struct snapshot_listing listing = {list->vm, asked.request.drive, rows};
    output_result(&invocation->output, &snapshot_listing_view, &listing);
    return 0;
}

int
snapshot_tree(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        asked_read(invocation, &asked, err) == 0
            ? maqet_snapshot_list(&invocation->context, &asked.request, err)
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

int
snapshot_confirm(const struct invocation *invocation, bool live, char *words,
                 struct maqet_error **err)
{
    maqet_context_say(&invocation->context, live ? MAQET_LEVEL_WARNING : MAQET_LEVEL_INFO,
                      "%s", words);
    free(words);
    if (invocation_has(invocation, "yes") || !terminal_can_ask())
        return 0;
    return terminal_ask("Go on?")
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was loaded");
}

static int
confirm(const struct invocation *invocation, const struct asked *asked, bool live,
        const struct maqet_strings *drives, const struct maqet_snapshot_left *left,
        struct maqet_error **err)
{
    _cleanup_free_ char *kept = maqet_strings_join(&left->excluded, "', '");
    _cleanup_free_ char *list = maqet_strings_join(drives, "', '");
    const struct maqet_snapshot_request *request = &asked->request;

    return snapshot_confirm(
        invocation, live,
        maqet_format("Loading the snapshot '%s' discards all changes made after it on "
                     "%s '%s' of VM '%s'%s%s%s%s",
                     request->name, drives->count == 1 ? "drive" : "drives", list,
                     request->vm, *kept ? ", and leaves '" : "", kept,
                     *kept ? "' alone" : "",
                     live ? ". QEMU is ended and started again, which takes seconds: "
                            "the guest's memory is lost, and it boots"
                          : ""),
        err);
}

struct changed {
    struct done done;
    struct maqet_snapshot_left left;
    bool runs;
    int pid;
};

static const struct maqet_fields load_fields = MAQET_FIELDS_OF(
    struct changed, DONE_ROWS(struct changed, done), LEFT_ROWS(struct changed, left),
    MAQET_ROW(struct changed, pid, "QEMU's process ID; null where it does not run",
              .known = MAQET_KNOWN(struct changed, runs)));

static char *
load_text(const void *row)
{
    const struct changed *changed = row;
    _cleanup_free_ char *done = done_text("Loaded", &changed->done, "on");
    _cleanup_free_ char *left = left_text(&changed->left, false);

    return changed->runs ? maqet_format("%s%sThe VM runs again (PID %d).\n", done, left,
                                        changed->pid)
                         : maqet_format("%s%s", done, left);
}

const struct view snapshot_load_view = {
    .table = {.fields = &load_fields, .columns = "name drives"},
    .text = load_text,
    .confirmation = true};

int
snapshot_load(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_(maqet_snapshot_left_clear) struct maqet_snapshot_left left = {0};
    bool live;
    int pid;

    if (asked_read(invocation, &asked, err) < 0 ||
        maqet_snapshot_loadable(&invocation->context, &asked.request, &live,
                                &asked.request.silent, &drives, &left, err) < 0 ||
        confirm(invocation, &asked, live, &drives, &left, err) < 0 ||
        maqet_snapshot_load(&invocation->context, &asked.request, &pid, err) < 0)
        return -1;
    const struct changed changed = {
        {asked.request.vm, asked.request.name, drives}, left, pid > 0, pid};
    output_result(&invocation->output, &snapshot_load_view, &changed);
    return 0;
}

/* ---- delete ---- */

static const struct maqet_fields delete_fields = MAQET_FIELDS_OF(
    struct changed, DONE_ROWS(struct changed, done), LEFT_ROWS(struct changed, left));

static char *
delete_text(const void *row)
{
    const struct changed *changed = row;
    _cleanup_free_ char *done = done_text("Deleted", &changed->done, "of");
    _cleanup_free_ char *left = left_text(&changed->left, false);

    return maqet_format("%s%s", done, left);
}

const struct view snapshot_delete_view = {
    .table = {.fields = &delete_fields, .columns = "name drives"},
    .text = delete_text,
    .confirmation = true};

int
snapshot_delete(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_(maqet_snapshot_left_clear) struct maqet_snapshot_left left = {0};

    if (asked_read(invocation, &asked, err) < 0 ||
        maqet_snapshot_delete(&invocation->context, &asked.request, &drives, &left, err) <
            0)
        return -1;
    const struct changed changed = {
        .done = {asked.request.vm, asked.request.name, drives}, .left = left};
    output_result(&invocation->output, &snapshot_delete_view, &changed);
    return 0;
}

/* ---- export ---- */

struct exported {
    struct done done;
    const char *format;
    const char *file;
    bool decrypted;
};

static const struct maqet_fields export_fields = MAQET_FIELDS_OF(
    struct exported, DONE_ROWS(struct exported, done),
    {"format", MAQET_FIELD_CHOICE(struct exported, format, export_format_name),
     .help = "the format of the file"},
    MAQET_ROW(struct exported, file, "the file that was written"),
    MAQET_ROW(struct exported, decrypted,
              "whether it is without encryption, since --decrypt said so"));

static char *
export_text(const void *row)
{
    const struct exported *exported = row;
    _cleanup_free_ char *done = done_text("Exported", &exported->done, "of");

    return maqet_format("%sIt is in %s%s.\n", done, exported->file,
                        exported->decrypted ? ", which is not encrypted" : "");
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
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    mode_t mode = 0;

    if (asked_read(invocation, &asked, err) < 0 ||
        export_mode(invocation, &mode, err) < 0)
        return -1;
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *path = maqet_path_absolute(asked.file, here ? here : "/");
    const struct maqet_export export = {
        .path = path,
        .mode = mode,
        .format = asked.format ? asked.format : "qcow2",
        .compress = invocation_has(invocation, "compress"),
        .decrypt = invocation_has(invocation, "decrypt"),
    };
    if (export.compress && strcmp(export.format, "raw") == 0)
        return usage_error(invocation, err, "A raw image cannot be compressed");
    if (maqet_snapshot_export(&invocation->context, &asked.request, &export, err) < 0)
        return -1;
    maqet_strings_add(&drives, asked.request.drive);
    const struct exported exported = {
        {asked.request.vm, asked.request.name, drives},
        export.format,
        path,
        export.decrypt,
    };
    output_result(&invocation->output, &snapshot_export_view, &exported);
    return 0;
}
