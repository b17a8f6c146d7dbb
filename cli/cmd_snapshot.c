/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/fields.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/snapshots.h"
#include "cli/terminal.h"
#include "core/base/files.h"

/* ---- what is asked for ---- */

/* What a call is about, taken from the operands by the action's rules. */
struct asked {
    struct maqet_snapshot_request request;
    struct maqet_strings exclude;
    const char *file;
};

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
    if (invocation_has(invocation, "live") && invocation_has(invocation, "auto"))
        return usage_error(invocation->command, err,
                           "Either --live or --auto: both together are no request");
    request->exclude = &asked->exclude;
    request->way = way_of(invocation);
    request->overwrite = invocation_has(invocation, "overwrite");
    request->freeze_timeout = invocation_has(invocation, "quiesce")
                                  ? invocation_milliseconds(invocation, "freeze-timeout")
                                  : -1;
    request->timeout = invocation_milliseconds(invocation, "wait");
    return 0;
}

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

    (void)colour;
    return maqet_format("%sTook %.0f ms; %s; consistency: %s.\n", done, wall, still,
                        live ? field_get(row, "consistency")
                             : "as the guest has left it");
}

static const struct column create_columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"drives", "DRIVES", COLUMN_TEXT},
    {"pause_ms", "PAUSE", COLUMN_TEXT},
    {"wall_ms", "TIME", COLUMN_TEXT},
    {"consistency", "CONSISTENCY", COLUMN_TEXT},
    {0},
};
static const struct view create_view = {
    .columns = create_columns, .text = create_text, .confirmation = true};

/* With three decimals, which is what it is worth. */
static json_object *
decimal(double value)
{
    _cleanup_free_ char *text = maqet_format("%.3f", value);

    return json_object_new_double_s(value, text);
}

static int
run_create(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    _cleanup_(maqet_snapshot_receipt_clear) struct maqet_snapshot_receipt receipt = {0};

    if (maqet_snapshot_create(&invocation->context, &asked->request, &receipt, err) < 0)
        return -1;
    if (receipt.skipped.count > 0) {
        _cleanup_free_ char *list = maqet_strings_join(&receipt.skipped, ", ");
        maqet_context_say(&invocation->context, MAQET_LEVEL_INFO,
                          "Left out, since the guest can't write to them: %s", list);
    }
    json_object *row = new_row(asked, &receipt.drives);
    field_strings(row, "skipped", &receipt.skipped);
    json_object_object_add(row, "live", json_object_new_boolean(receipt.live));
    json_object_object_add(row, "replaced", json_object_new_boolean(receipt.replaced));
    json_object_object_add(row, "stopped", json_object_new_boolean(receipt.stopped));
    json_object_object_add(row, "pause_ms", decimal(receipt.pause));
    json_object_object_add(row, "wall_ms", decimal(receipt.wall));
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

static int
run_list(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        maqet_snapshot_list(&invocation->context, &asked->request, err);

    if (!list)
        return -1;
    json_object *rows =
        asked->request.drive ? snapshots_rows(list) : snapshots_set_rows(list);
    /* A table of all there is to know is for those who ask for one. */
    if (invocation->output.format != FORMAT_TABLE ||
        invocation_has(invocation, "format")) {
        output_result(&invocation->output, &rows_view, rows);
        return 0;
    }
    json_object *result = json_object_new_object();
    field_text(result, "vm", list->vm);
    field_text(result, "drive", asked->request.drive);
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

static const struct view tree_view = {.text = tree_text, .whole = true};

static int
run_tree(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        maqet_snapshot_list(&invocation->context, &asked->request, err);

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

static int
confirm(const struct invocation *invocation, const struct asked *asked, bool live,
        const struct maqet_strings *drives, struct maqet_error **err)
{
    _cleanup_free_ char *list = maqet_strings_join(drives, "', '");
    const struct maqet_snapshot_request *request = &asked->request;

    maqet_context_say(
        &invocation->context, live ? MAQET_LEVEL_WARNING : MAQET_LEVEL_INFO,
        "Loading the snapshot '%s' discards all changes made after it on "
        "%s '%s' of VM '%s'%s",
        request->name, drives->count == 1 ? "drive" : "drives", list, request->vm,
        live ? ". QEMU is ended and started again, which takes seconds: what "
               "the guest has in memory is lost, and it boots anew"
             : "");
    if (invocation_has(invocation, "yes") || !terminal_can_ask())
        return 0;
    return terminal_ask("Go on?")
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was loaded");
}

static char *
load_text(json_object *row, bool colour)
{
    json_object *pid = json_object_object_get(row, "pid");
    _cleanup_free_ char *done = done_text("Loaded", row, "on");

    (void)colour;
    return pid ? maqet_format("%sThe VM runs again (PID %s).\n", done,
                              json_object_get_string(pid))
               : TAKE_PTR(done);
}

static const struct column changed_columns[] = {
    {"name", "NAME", COLUMN_TEXT}, {"drives", "DRIVES", COLUMN_TEXT}, {0}};
static const struct view load_view = {
    .columns = changed_columns, .text = load_text, .confirmation = true};

static int
run_load(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    bool live;
    int pid;

    if (maqet_snapshot_loadable(&invocation->context, &asked->request, &live, &drives,
                                err) < 0 ||
        confirm(invocation, asked, live, &drives, err) < 0 ||
        maqet_snapshot_load(&invocation->context, &asked->request, &pid, err) < 0)
        return -1;
    json_object *row = new_row(asked, &drives);
    field_number(row, "pid", pid > 0, (uint64_t)pid);
    output_result(&invocation->output, &load_view, row);
    return 0;
}

/* ---- delete ---- */

static char *
delete_text(json_object *row, bool colour)
{
    (void)colour;
    return done_text("Deleted", row, "of");
}

static const struct view delete_view = {
    .columns = changed_columns, .text = delete_text, .confirmation = true};

static int
run_delete(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    if (maqet_snapshot_delete(&invocation->context, &asked->request, &drives, err) < 0)
        return -1;
    output_result(&invocation->output, &delete_view, new_row(asked, &drives));
    return 0;
}

/* ---- export ---- */

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

static char *
export_text(json_object *row, bool colour)
{
    _cleanup_free_ char *done = done_text("Exported", row, "of");
    _cleanup_free_ char *file = text_printable(field_get(row, "file"), "");

    (void)colour;
    return maqet_format("%sIt is in %s.\n", done, file);
}

static const struct column export_columns[] = {{"name", "NAME", COLUMN_TEXT},
                                               {"drives", "DRIVES", COLUMN_TEXT},
                                               {"format", "FORMAT", COLUMN_TEXT},
                                               {"file", "FILE", COLUMN_TEXT},
                                               {0}};
static const struct view export_view = {
    .columns = export_columns, .text = export_text, .confirmation = true};

static int
run_export(struct invocation *invocation, struct asked *asked, struct maqet_error **err)
{
    const char *format = export_format(invocation);
    bool compress = invocation_has(invocation, "compress");
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *path = maqet_path_absolute(asked->file, here ? here : "/");
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    if (!format)
        format = export_formats[0];
    if (compress && strcmp(format, "raw") == 0)
        return usage_error(invocation->command, err, "A raw image can't be compressed");
    if (maqet_snapshot_export(&invocation->context, &asked->request, path, format,
                              compress, err) < 0)
        return -1;
    maqet_strings_add(&drives, asked->request.drive);
    json_object *row = new_row(asked, &drives);
    field_text(row, "format", format);
    field_text(row, "file", path);
    output_result(&invocation->output, &export_view, row);
    return 0;
}

/* ---- the command ---- */

static const struct action actions[] = {
    {.name = "create", .operands = "DRIVE NAME", .needs_name = true, .run = run_create},
    {.name = "list", .operands = "[DRIVE]", .all_drives = true, .run = run_list},
    {.name = "load", .operands = "DRIVE NAME", .needs_name = true, .run = run_load},
    {.name = "delete", .operands = "DRIVE NAME", .needs_name = true, .run = run_delete},
    {.name = "tree", .operands = "[DRIVE]", .all_drives = true, .run = run_tree},
    {.name = "export",
     .operands = "DRIVE NAME FILE",
     .needs_name = true,
     .needs_file = true,
     .needs_drive = true,
     .run = run_export},
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
    const char *closest = maqet_text_closest(word, &names);
    _cleanup_free_ char *list = maqet_strings_join(&names, ", ");
    if (closest)
        usage_error(invocation->command, err, "Unknown action '%s'; did you mean '%s'?",
                    word, closest);
    else
        usage_error(invocation->command, err, "Unknown action '%s'; there are: %s", word,
                    list);
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
     .argument = "DRIVE",
     .help = "with --all, leave that drive out; may be repeated"},
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
    {.name = "yes", .letter = 'y', .help = "load: don't ask"},
    OPTION_WAIT_ROW,
    {.name = "format",
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "table",
     .choice = any_format_name,
     .help = "export: qcow2 (unless given) or raw, the format of FILE; else how results "
             "are written, as for every command"},
    {.name = "compress", .help = "export: compress what is written"},
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
        "after "
        "a live one is loaded, the guest boots as after a power cut, and with --quiesce "
        "as "
        "after all was written out.\n"
        "create, load and delete work on a VM that is stopped; with --live on one that "
        "runs. The guest is not stopped by a live create. A live load ends QEMU, reverts "
        "the drive and starts QEMU again. With --all, the drives are kept at one "
        "instant, "
        "reverted all or none, and listed as one.\n"
        "load discards what came after the snapshot, and asks on a terminal. The sizes "
        "in "
        "a list are what deleting that snapshot alone would free; those of a VM that "
        "runs "
        "are as of the guest's last flush.\n"
        "A command that is interrupted, however it is, leaves nothing half done: the "
        "next "
        "one, or the next start, puts it right and says so.",
    .options = options,
    .examples = examples,
    .view = {.columns = snapshot_columns},
    .run = run,
};
