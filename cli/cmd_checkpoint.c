/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/fields.h"
#include "cli/options.h"
#include "cli/snapshot_actions.h"

/* ---- create ---- */

static char *
create_text(json_object *row, bool colour)
{
    const char *reason = field_get(row, "reason");
    double pause = json_object_get_double(json_object_object_get(row, "pause_ms"));
    double wall = json_object_get_double(json_object_object_get(row, "wall_ms"));
    _cleanup_free_ char *size = maqet_text_bytes(
        (uint64_t)json_object_get_int64(json_object_object_get(row, "size")));
    _cleanup_free_ char *why = reason ? maqet_format(" (%s)", reason) : maqet_strdup("");

    (void)colour;
    return maqet_format(
        "Created checkpoint '%s' of VM '%s', %s of memory.\nThe guest stood "
        "still for %.1f ms; took %.0f ms; method: %s%s.\n",
        field_get(row, "name"), field_get(row, "vm"), size, pause, wall,
        field_get(row, "method"), why);
}

static const struct column create_columns[] = {{"name", "NAME", COLUMN_TEXT},
                                               {"drives", "DRIVES", COLUMN_TEXT},
                                               {"pause_ms", "PAUSE MS", COLUMN_TEXT},
                                               {"wall_ms", "TIME MS", COLUMN_TEXT},
                                               {"size", "SIZE", COLUMN_BYTES},
                                               {"method", "METHOD", COLUMN_TEXT},
                                               {0}};
static const struct view create_view = {
    .columns = create_columns, .text = create_text, .confirmation = true};

static enum maqet_migration_method
method_of(const struct invocation *invocation)
{
    const char *word = invocation_text(invocation, "method");
    unsigned method = 0;

    while (word && maqet_migration_method_name(method) &&
           strcmp(maqet_migration_method_name(method), word) != 0)
        method++;
    return (enum maqet_migration_method)method;
}

int
checkpoint_create(struct invocation *invocation, const char *vm, const char *name,
                  struct maqet_error **err)
{
    _cleanup_(maqet_checkpoint_receipt_clear) struct maqet_checkpoint_receipt receipt = {
        0};
    const struct maqet_checkpoint_request request = {
        .vm = vm,
        .name = name,
        .method = method_of(invocation),
        .limit = invocation_milliseconds(invocation, "limit"),
        .compress = invocation_has(invocation, "compress"),
    };

    if (maqet_checkpoint_create(&invocation->context, &request, &receipt, err) < 0)
        return -1;
    json_object *row = json_object_new_object();
    field_text(row, "vm", vm);
    field_text(row, "name", name);
    field_strings(row, "drives", &receipt.drives);
    field_milliseconds(row, "pause_ms", receipt.pause);
    field_milliseconds(row, "wall_ms", receipt.wall);
    field_number(row, "size", true, (uint64_t)receipt.allocated);
    field_number(row, "length", true, (uint64_t)receipt.length);
    field_text(row, "method", maqet_migration_method_name(receipt.method));
    field_text(row, "reason", receipt.reason);
    output_result(&invocation->output, &create_view, row);
    return 0;
}

static int
run_create(struct invocation *invocation, struct maqet_error **err)
{
    return checkpoint_create(invocation, operand_find(invocation, OPERAND_VM),
                             operand_find(invocation, OPERAND_NEW_NAME), err);
}

/* ---- load ---- */

static int
confirm(const struct invocation *invocation, struct maqet_checkpoint_request *request,
        char **verified, struct maqet_error **err)
{
    bool running, silent;

    if (maqet_checkpoint_loadable(&invocation->context, request, &running, &silent,
                                  verified, err) < 0)
        return -1;
    request->silent = silent;
    request->verified = *verified;
    /* One that is started while it is asked is not what was agreed to. */
    request->running = running;
    return snapshot_confirm(
        invocation, running,
        maqet_format("Loading the checkpoint '%s' discards all changes made after it on "
                     "the drives of VM '%s'%s",
                     request->name, request->vm,
                     !running        ? ""
                     : request->keep ? ", once the present state is kept"
                                     : ", and what its guest has in memory now"),
        err);
}

static char *
load_text(json_object *row, bool colour)
{
    (void)colour;
    return maqet_format(
        "Loaded checkpoint '%s' of VM '%s', which runs on from there (PID "
        "%s).\n",
        field_get(row, "name"), field_get(row, "vm"), field_get(row, "pid"));
}

static const struct column load_columns[] = {
    {"name", "NAME", COLUMN_TEXT}, {"pid", "PID", COLUMN_NUMBER}, {0}};
static const struct view load_view = {
    .columns = load_columns, .text = load_text, .confirmation = true};

int
checkpoint_load(struct invocation *invocation, const char *vm, const char *name,
                const char *keep, struct maqet_error **err)
{
    struct maqet_checkpoint_request request = {
        .vm = vm,
        .name = name,
        .keep = keep,
        .limit = CHECKPOINT_LIMIT,
        .timeout = invocation_milliseconds(invocation, "wait"),
    };
    _cleanup_free_ char *verified = NULL;
    int pid;

    if (confirm(invocation, &request, &verified, err) < 0 ||
        maqet_checkpoint_load(&invocation->context, &request, &pid, err) < 0)
        return -1;
    json_object *row = json_object_new_object();
    field_text(row, "vm", vm);
    field_text(row, "name", name);
    field_number(row, "pid", true, (uint64_t)pid);
    output_result(&invocation->output, &load_view, row);
    return 0;
}

static int
run_load(struct invocation *invocation, struct maqet_error **err)
{
    return checkpoint_load(invocation, operand_find(invocation, OPERAND_VM),
                           operand_find(invocation, OPERAND_CHECKPOINT),
                           invocation_text(invocation, "keep"), err);
}

/* ---- delete ---- */

static char *
delete_text(json_object *row, bool colour)
{
    (void)colour;
    return maqet_format("Deleted checkpoint '%s' of VM '%s'.\n", field_get(row, "name"),
                        field_get(row, "vm"));
}

static const struct column delete_columns[] = {{"name", "NAME", COLUMN_TEXT}, {0}};

static int
run_delete(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_checkpoint_request request = {
        .vm = operand_find(invocation, OPERAND_VM),
        .name = operand_find(invocation, OPERAND_CHECKPOINT),
    };

    if (maqet_checkpoint_delete(&invocation->context, &request, err) < 0)
        return -1;
    json_object *row = json_object_new_object();
    field_text(row, "vm", request.vm);
    field_text(row, "name", request.name);
    output_result(&invocation->output, &invocation->command->view, row);
    return 0;
}

/* ---- list ---- */

static const struct column list_columns[] = {{"name", "NAME", COLUMN_TEXT},
                                             {"date", "DATE", COLUMN_TEXT},
                                             {"drives", "DRIVES", COLUMN_TEXT},
                                             {"memory", "MEMORY", COLUMN_BYTES},
                                             {"size", "SIZE", COLUMN_BYTES},
                                             {"pause_ms", "PAUSE MS", COLUMN_TEXT},
                                             {"method", "METHOD", COLUMN_TEXT},
                                             {"machine", "MACHINE", COLUMN_TEXT},
                                             {0}};

/* As @as, where it is there. */
static void
copy_field(json_object *row, json_object *about, const char *key, const char *as)
{
    json_object *value = NULL;

    if (json_object_object_get_ex(about, key, &value))
        json_object_object_add(row, as, json_object_get(value));
}

/* "hdd,data", as in a list of snapshots. The caller frees. */
static char *
joined(json_object *drives)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; json_object_is_type(drives, json_type_array) &&
                       i < json_object_array_length(drives);
         i++)
        maqet_text_appendf(&text, "%s%s", i > 0 ? "," : "",
                           json_object_get_string(json_object_array_get_idx(drives, i)));
    return maqet_text_take(&text);
}

static json_object *
row_of(json_object *about)
{
    static const char *const same[] = {"name", "memory", "method", "machine", "qemu"};
    json_object *row = json_object_new_object();

    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        copy_field(row, about, same[i], same[i]);
    copy_field(row, about, "allocated", "size");
    copy_field(row, about, "size", "length");
    _cleanup_free_ char *drives = joined(json_object_object_get(about, "drives"));
    field_text(row, "drives", drives);
    field_date(row, "date", json_object_get_int64(json_object_object_get(about, "date")));
    field_milliseconds(row, "pause_ms",
                       json_object_get_double(json_object_object_get(about, "pause")));
    return row;
}

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_json_ json_object *list = maqet_checkpoint_list(
        &invocation->context, operand_find(invocation, OPERAND_VM), err);
    json_object *rows = json_object_new_array();

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        json_object_array_add(rows, row_of(json_object_array_get_idx(list, i)));
    if (list)
        output_result(&invocation->output, &invocation->command->view, rows);
    else
        json_object_put(rows);
    return list ? 0 : -1;
}

/* ---- the command ---- */

static const struct command_option create_options[] = {
    OPTION_METHOD_ROW, OPTION_LIMIT_ROW, OPTION_COMPRESS_STATE_ROW, OPTION_WAIT_ROW, {0},
};
static const struct command_option load_options[] = {
    {.name = "keep",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .help = "first keep the present state of a VM that runs as a checkpoint"},
    {.name = "yes", .letter = 'y', .help = "don't ask"},
    OPTION_WAIT_ROW,
    {0},
};
static const struct command_option delete_options[] = {OPTION_WAIT_ROW, {0}};

static const struct command_example create_examples[] = {
    {"maqet checkpoint myvm create before-test",
     "Keep disks and memory; the guest runs on"},
    {0},
};
static const struct command_example list_examples[] = {
    {"maqet checkpoint myvm list", "What there is, and what it costs"},
    {0},
};
static const struct command_example load_examples[] = {
    {"maqet checkpoint myvm load before-test", "Go on from there, in place of what runs"},
    {"maqet checkpoint myvm load before-test --keep after-test",
     "The same, and come back later"},
    {0},
};
static const struct command_example delete_examples[] = {
    {"maqet checkpoint myvm delete before-test",
     "Delete the memory that was kept, and the snapshots of the drives"},
    {0},
};

static const struct command actions[] = {
    {.name = "create",
     .summary = "Keep the state of a guest that runs, disks and memory",
     .description =
         "The guest stands still for milliseconds: its memory is written while it runs "
         "on. That needs userfaultfd (method background), which an ordinary user may "
         "lack; then memory is copied until little is left to copy (precopy), and a "
         "guest that changes it too fast is stopped after --limit until all is written "
         "(stop). Precopy of an emulated guest (TCG) is sound since QEMU 10.0 only; "
         "with an earlier one it is refused, and left out by auto.\n"
         "A shared folder that the guest has mounted must be unmounted first: QEMU "
         "can't keep its state.",
     .operands = {OPERAND_NEW_NAME},
     .options = create_options,
     .examples = create_examples,
     .view = {.columns = create_columns},
     .run = run_create},
    {.name = "list",
     .summary = "List the checkpoints of a VM",
     .description =
         "SIZE is what a checkpoint's memory takes on the disk; in JSON, `length` is "
         "that of its file, which may have holes.",
     .examples = list_examples,
     .view = {.columns = list_columns, .empty = "No checkpoints found.\n"},
     .run = run_list},
    {.name = "load",
     .summary = "Let the guest go on from a checkpoint",
     .description =
         "A checkpoint fits the machine that it was made of: the same version of QEMU, "
         "called with the same arguments. It can be loaded as often as you like. The "
         "guest's clock stands where it stood: let it ask for the time (NTP), or set "
         "it. What came after the checkpoint is lost, on the disks and in memory; on a "
         "terminal you are asked first.\n"
         "A QEMU that does not answer within --wait seconds is ended all the same.",
     .operands = {OPERAND_CHECKPOINT},
     .options = load_options,
     .examples = load_examples,
     .view = {.columns = load_columns},
     .run = run_load},
    {.name = "delete",
     .summary = "Delete a checkpoint, with the snapshots that belong to it",
     .operands = {OPERAND_CHECKPOINT},
     .options = delete_options,
     .examples = delete_examples,
     .view = {.columns = delete_columns, .text = delete_text, .confirmation = true},
     .run = run_delete},
    {0},
};

const struct command command_checkpoint = {
    .name = "checkpoint",
    .summary = "Keep and bring back a running guest, disks and memory",
    .operands = {OPERAND_VM},
    .description =
        "A checkpoint is the snapshots of all drives and the guest's memory at one "
        "instant. When it is loaded, the guest goes on where it was, as if nothing had "
        "been since. Its drives' snapshots can be listed and loaded alone by 'maqet "
        "snapshot'.",
    .actions = actions,
};
