/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_actions.h"

#include <string.h>

#include "cli/checkpoints.h"
#include "cli/fields.h"
#include "cli/machines.h"
#include "cli/snapshot_request.h"
#include "cli/snapshots.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/config/options.h"

/* ---- words about drives ---- */

static void
add_drives(struct maqet_text *text, json_object *drives)
{
    size_t count = json_object_array_length(drives);

    maqet_text_append(text, count == 1 ? "drive " : "drives ");
    for (size_t i = 0; i < count; i++)
        maqet_text_appendf(text, "%s'%s'", i > 0 ? ", " : "",
                           json_object_get_string(json_object_array_get_idx(drives, i)));
}

/* "Created snapshot 'a' of drives 'hdd', 'data' on VM 'myvm'." */
static char *
done_text(const char *what, json_object *row, const char *of)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s snapshot '%s' %s ", what, field_get(row, "name"), of);
    add_drives(&text, json_object_object_get(row, "drives"));
    maqet_text_appendf(&text, " on VM '%s'.\n", field_get(row, "vm"));
    return maqet_text_take(&text);
}

/* "'a', 'b'" */
static char *
quoted(json_object *names)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; names && i < json_object_array_length(names); i++)
        maqet_text_appendf(&text, "%s'%s'", i > 0 ? ", " : "",
                           json_object_get_string(json_object_array_get_idx(names, i)));
    return maqet_text_take(&text);
}

/* What a command at all drives left out, a line for each reason. */
static char *
left_text(json_object *row, bool skipped_too)
{
    _cleanup_free_ char *skipped = quoted(json_object_object_get(row, "skipped"));
    _cleanup_free_ char *excluded = quoted(json_object_object_get(row, "excluded"));
    struct maqet_text text = MAQET_TEXT_INIT;

    if (skipped_too && *skipped)
        maqet_text_appendf(&text, "Left out, with nothing that a snapshot keeps: %s.\n",
                           skipped);
    if (*excluded)
        maqet_text_appendf(&text, "Excluded, and left alone: %s.\n", excluded);
    return maqet_text_take(&text);
}

static void
add_left(json_object *row, const struct maqet_snapshot_left *left)
{
    field_strings(row, "skipped", &left->skipped);
    field_strings(row, "excluded", &left->excluded);
}

static json_object *
new_row(const struct asked *asked, const struct maqet_strings *drives)
{
    json_object *row = json_object_new_object();

    field_text(row, "vm", asked->request.vm);
    field_text(row, "name", asked->request.name);
    field_strings(row, "drives", drives);
    return row;
}

/* ---- create ---- */

/* What people read in the place of the word that other formats have. */
static const char *
consistency_text(json_object *row)
{
    const char *word = field_get(row, "consistency");

    return strcmp(word, maqet_consistency_name(MAQET_CONSISTENCY_OFF)) == 0
               ? "off, as the guest left it"
               : word;
}

static char *
create_text(json_object *row, bool colour)
{
    bool replaced = json_object_get_boolean(json_object_object_get(row, "replaced"));
    bool live = json_object_get_boolean(json_object_object_get(row, "live"));
    bool stopped = json_object_get_boolean(json_object_object_get(row, "stopped"));
    double pause = json_object_get_double(json_object_object_get(row, "pause_ms"));
    double wall = json_object_get_double(json_object_object_get(row, "wall_ms"));
    _cleanup_free_ char *done = done_text(replaced ? "Replaced" : "Created", row, "of");
    _cleanup_free_ char *still =
        !live     ? maqet_strdup("the VM was off")
        : stopped ? maqet_format("the guest stood still for %.1f ms", pause)
                  : maqet_strdup("guest pause 0 ms, not stopped");

    _cleanup_free_ char *left = left_text(row, true);

    (void)colour;
    return maqet_format("%sTook %.0f ms; %s; consistency: %s.\n%s", done, wall, still,
                        consistency_text(row), left);
}

const struct column snapshot_create_columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"drives", "DRIVES", COLUMN_TEXT},
    {"pause_ms", "PAUSE", COLUMN_TEXT},
    {"wall_ms", "TIME", COLUMN_TEXT},
    {"consistency", "CONSISTENCY", COLUMN_TEXT},
    {0},
};
static const struct view create_view = {
    .columns = snapshot_create_columns, .text = create_text, .confirmation = true};

int
snapshot_create(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_asked_ struct asked asked = {0};
    _cleanup_(maqet_snapshot_receipt_clear) struct maqet_snapshot_receipt receipt = {0};

    if (asked_read(invocation, &asked, err) < 0)
        return -1;
    if (invocation_has(invocation, "memory"))
        return checkpoint_create(invocation, asked.request.vm, asked.request.name, err);
    if (maqet_snapshot_create(&invocation->context, &asked.request, &receipt, err) < 0)
        return -1;
    json_object *row = new_row(&asked, &receipt.drives);
    add_left(row, &receipt.left);
    json_object_object_add(row, "live", json_object_new_boolean(receipt.live));
    json_object_object_add(row, "replaced", json_object_new_boolean(receipt.replaced));
    json_object_object_add(row, "stopped", json_object_new_boolean(receipt.stopped));
    field_milliseconds(row, "pause_ms", receipt.pause);
    field_milliseconds(row, "wall_ms", receipt.wall);
    field_text(row, "consistency", maqet_consistency_name(receipt.consistency));
    output_result(&invocation->output, &create_view, row);
    return 0;
}

/* ---- list and tree ---- */

static char *
list_text(json_object *result, bool colour)
{
    (void)colour;
    return snapshots_text(field_get(result, "vm"), field_get(result, "drive"),
                          json_object_object_get(result, "snapshots"));
}

static const struct view list_view = {.text = list_text, .whole = true};
static const struct view rows_view = {.columns = snapshot_columns};

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
    json_object *rows =
        asked.request.drive ? snapshots_rows(list) : snapshots_set_rows(list);
    /* A table of all there is to know is for those who ask for one. */
    if (invocation->output.format != FORMAT_TABLE ||
        invocation_has(invocation, "format")) {
        output_result(&invocation->output, &rows_view, rows);
        return 0;
    }
    json_object *result = json_object_new_object();
    field_text(result, "vm", list->vm);
    field_text(result, "drive", asked.request.drive);
    json_object_object_add(result, "snapshots", rows);
    output_result(&invocation->output, &list_view, result);
    return 0;
}

static char *
tree_text(json_object *result, bool colour)
{
    (void)colour;
    return maqet_strdup(field_get(result, "text"));
}

/* It has lines of its own; the names in it are one line each. */
static const struct view tree_view = {.text = tree_text, .whole = true, .verbatim = true};

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
    if (invocation->output.format != FORMAT_TABLE) {
        output_result(&invocation->output, &rows_view, snapshots_rows(list));
        return 0;
    }
    json_object *result = json_object_new_object();
    _cleanup_free_ char *text = snapshots_tree_text(list);
    field_text(result, "text", text);
    output_result(&invocation->output, &tree_view, result);
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
                            "what the guest has in memory is lost, and it boots anew"
                          : ""),
        err);
}

static char *
load_text(json_object *row, bool colour)
{
    json_object *pid = json_object_object_get(row, "pid");
    _cleanup_free_ char *done = done_text("Loaded", row, "on");
    _cleanup_free_ char *left = left_text(row, false);

    (void)colour;
    return pid ? maqet_format("%s%sThe VM runs again (PID %s).\n", done, left,
                              json_object_get_string(pid))
               : maqet_format("%s%s", done, left);
}

const struct column snapshot_changed_columns[] = {
    {"name", "NAME", COLUMN_TEXT}, {"drives", "DRIVES", COLUMN_TEXT}, {0}};
static const struct view load_view = {
    .columns = snapshot_changed_columns, .text = load_text, .confirmation = true};

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
    json_object *row = new_row(&asked, &drives);
    add_left(row, &left);
    field_number(row, "pid", pid > 0, (uint64_t)pid);
    output_result(&invocation->output, &load_view, row);
    return 0;
}

/* ---- delete ---- */

static char *
delete_text(json_object *row, bool colour)
{
    _cleanup_free_ char *done = done_text("Deleted", row, "of");
    _cleanup_free_ char *left = left_text(row, false);

    (void)colour;
    return maqet_format("%s%s", done, left);
}

static const struct view delete_view = {
    .columns = snapshot_changed_columns, .text = delete_text, .confirmation = true};

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
    json_object *row = new_row(&asked, &drives);
    add_left(row, &left);
    output_result(&invocation->output, &delete_view, row);
    return 0;
}

/* ---- export ---- */

static char *
export_text(json_object *row, bool colour)
{
    _cleanup_free_ char *done = done_text("Exported", row, "of");
    bool decrypted = json_object_get_boolean(json_object_object_get(row, "decrypted"));

    (void)colour;
    return maqet_format("%sIt is in %s%s.\n", done, field_get(row, "file"),
                        decrypted ? ", which is not encrypted" : "");
}

const struct column snapshot_export_columns[] = {{"name", "NAME", COLUMN_TEXT},
                                                 {"drives", "DRIVES", COLUMN_TEXT},
                                                 {"format", "FORMAT", COLUMN_TEXT},
                                                 {"file", "FILE", COLUMN_TEXT},
                                                 {0}};
static const struct view export_view = {
    .columns = snapshot_export_columns, .text = export_text, .confirmation = true};

/* What --mode says, 0 where it is not given. */
static int
export_mode(const struct invocation *invocation, mode_t *mode, struct maqet_error **err)
{
    const char *text = invocation_text(invocation, "mode");
    int64_t value = 0;

    if (text && (!maqet_parse_mode(text, &value) || (value & ~INT64_C(0777)) != 0 ||
                 (value & 0600) != 0600))
        return usage_error(
            invocation->command, err,
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
        return usage_error(invocation->command, err, "A raw image can't be compressed");
    if (maqet_snapshot_export(&invocation->context, &asked.request, &export, err) < 0)
        return -1;
    maqet_strings_add(&drives, asked.request.drive);
    json_object *row = new_row(&asked, &drives);
    field_text(row, "format", export.format);
    field_text(row, "file", path);
    json_object_object_add(row, "decrypted", json_object_new_boolean(export.decrypt));
    output_result(&invocation->output, &export_view, row);
    return 0;
}
