/* SPDX-License-Identifier: MIT */
#include "cli/drives.h"
#include "cli/fields.h"
#include "cli/invocation.h"
#include "cli/table.h"
#include "core/machine/opened.h"
#include "core/machine/sandbox.h"
#include "core/machine/store.h"

static const struct column machine_columns[] = {
    {"name", "name", COLUMN_TEXT},
    {"uuid", "uuid", COLUMN_TEXT},
    {"status", "status", COLUMN_STATUS},
    {"pid", "pid", COLUMN_NUMBER},
    {"memory", "memory", COLUMN_BYTES},
    {"cpu", "cpu", COLUMN_PERCENT},
    {"uptime", "uptime", COLUMN_DURATION},
    {"confinement", "confined", COLUMN_TEXT},
    {0},
};

/* Each drive's line begins with the word "storage", for grep. */
#define DRIVE_COLUMNS                                                                    \
    {"storage", "", COLUMN_FIXED}, {"name", "NAME", COLUMN_TEXT},                        \
        {"type", "TYPE", COLUMN_TEXT}, {"interface", "INTERFACE", COLUMN_TEXT},          \
        {"media", "MEDIA", COLUMN_TEXT}, {"virtual_size", "SIZE", COLUMN_BYTES},         \
        {"allocated_size", "ALLOCATED", COLUMN_BYTES},                                   \
    {                                                                                    \
        "file", "FILE", COLUMN_TEXT                                                      \
    }
static const struct column drive_columns[] = {DRIVE_COLUMNS, {0}};
static const struct column plain_columns[] = {
    DRIVE_COLUMNS, {"fault", "FAULT", COLUMN_TEXT}, {0}};

/* A fault is a sentence, for which there is no room beside the rest. */
static const struct column fault_columns[] = {{"fault", "", COLUMN_FIXED},
                                              {"name", "NAME", COLUMN_TEXT},
                                              {"fault", "FAULT", COLUMN_TEXT},
                                              {0}};

/* Those drives that have a fault. The caller puts it. */
static json_object *
faulty(json_object *drives)
{
    json_object *rows = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(drives); i++) {
        json_object *row = json_object_array_get_idx(drives, i);

        if (json_object_object_get(row, "fault"))
            json_object_array_add(rows, json_object_get(row));
    }
    return rows;
}

/* "landlock, seccomp, user qemu": what there is of it. The caller frees. */
static char *
confinement_text(json_object *confinement)
{
    const char *user = field_get(confinement, "user");
    struct maqet_text text = MAQET_TEXT_INIT;

    if (json_object_object_get(confinement, "landlock"))
        maqet_text_append(&text, "landlock, ");
    if (json_object_get_boolean(json_object_object_get(confinement, "seccomp")))
        maqet_text_append(&text, "seccomp, ");
    maqet_text_appendf(&text, "user %s", user ? user : "unknown");
    return maqet_text_take(&text);
}

/* The row with its confinement as a text. The caller puts it. */
static json_object *
readable(json_object *row)
{
    json_object *copy = NULL, *confinement = NULL;

    json_object_deep_copy(row, &copy, NULL);
    if (json_object_object_get_ex(row, "confinement", &confinement) && confinement) {
        _cleanup_free_ char *text = confinement_text(confinement);

        field_text(copy, "confinement", text);
    }
    return copy;
}

static char *
text(json_object *row, bool colour)
{
    json_object *drives = json_object_object_get(row, "storage");
    _cleanup_json_ json_object *shown = readable(row);
    _cleanup_free_ char *fields = table_fields(machine_columns, shown, colour);

    if (json_object_array_length(drives) == 0)
        return TAKE_PTR(fields);
    _cleanup_free_ char *table = table_text(drive_columns, drives, colour);
    _cleanup_json_ json_object *rows = faulty(drives);
    if (json_object_array_length(rows) == 0)
        return maqet_format("%s\n%s", fields, table);
    _cleanup_free_ char *faults = table_text(fault_columns, rows, colour);
    return maqet_format("%s\n%s\n%s", fields, table, faults);
}

/* "status<tab>running" for each field, and the drives' lines. */
static char *
plain(json_object *row)
{
    json_object *drives = json_object_object_get(row, "storage");
    _cleanup_json_ json_object *shown = readable(row);
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const struct column *column = machine_columns; column->key; column++) {
        const struct column one[] = {{column->key, NULL, COLUMN_FIXED}, *column, {0}};
        _cleanup_free_ char *line = table_plain(one, shown);
        maqet_text_append(&text, line);
    }
    for (size_t i = 0; i < json_object_array_length(drives); i++) {
        _cleanup_free_ char *line =
            table_plain(plain_columns, json_object_array_get_idx(drives, i));
        maqet_text_append(&text, line);
    }
    return maqet_text_take(&text);
}

/* The drives. What keeps one from being used is shown with it: the state of a machine can
 * be asked for in any case. */
static json_object *
drives_of(struct maqet_opened *machine)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_vm *vm = maqet_opened_vm(machine, &error);

    if (vm)
        return drives_inspect(vm, machine->run.pid > 0);
    maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                      "The drives of '%s' can't be shown: %s", machine->name,
                      error->message);
    return json_object_new_array();
}

static void
warn(const struct maqet_context *context, const char *name,
     const struct maqet_state *state)
{
    _cleanup_error_ struct maqet_error *notice = maqet_state_notice(name, state);

    if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
    if (state->status == MAQET_STATUS_CRASHED) {
        _cleanup_error_ struct maqet_error *crash = maqet_crash_notice(context, name);
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, crash);
    }
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, invocation->operands.items[0], 0, err);
    const char *name = machine ? machine->name : NULL;
    _cleanup_definition_ struct maqet_definition *definition = NULL;
    _cleanup_error_ struct maqet_error *damage = NULL;
    _cleanup_state_ struct maqet_state state = {0};

    if (!name || maqet_state_read(context, name, &state, err) < 0)
        return -1;
    definition = maqet_store_load(context, name, &damage);
    if (!definition)
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The definition of VM '%s' can't be read: %s", name,
                          damage->message);
    warn(context, name, &state);
    json_object *result = json_object_new_object();
    field_text(result, "name", name);
    field_text(result, "uuid", definition ? definition->uuid : NULL);
    fields_state(result, &state);
    json_object_object_add(
        result, "confinement",
        state.pid > 0 ? maqet_sandbox_describe(context, name, state.pid) : NULL);
    json_object_object_add(result, "storage", drives_of(machine));
    output_result(&invocation->output, &invocation->command->view, result);
    return 0;
}

static const struct command_example examples[] = {
    {"maqet status myvm", "All about one"},
    {"maqet status myvm | grep storage", "Its drives only"},
    {0},
};

const struct command command_status = {
    .name = "status",
    .operands = {OPERAND_VM},
    .summary = "Show a virtual machine's state and its storage",
    .description = "SIZE is what the guest sees, ALLOCATED what the image occupies "
                   "on the host. Neither is known before the first start has made "
                   "the image. FAULT tells why a drive can't be used now, such as a "
                   "folder or a key file that is missing; it is shown only where there "
                   "is one. What needs nothing of that drive works all the same.",
    .examples = examples,
    .view = {.text = text, .plain = plain},
    .run = run,
};
