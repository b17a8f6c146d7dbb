/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/fields.h"
#include "cli/invocation.h"
#include "core/vm/store.h"

static const char *
status_name(unsigned index)
{
    return index <= MAQET_STATUS_CRASHED ? maqet_status_name(index) : NULL;
}

/* A machine that can't be looked at doesn't keep the others from being listed. */
static json_object *
describe(const struct maqet_context *context, const char *name)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_state state;
    bool known = maqet_state_read(context, name, &state, &error) == 0;
    json_object *row = json_object_new_object();

    if (!known)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", error->message);
    field_text(row, "name", name);
    fields_state(row, known ? &state : NULL);
    return row;
}

static bool
is_wanted(json_object *row, const char *status)
{
    const char *actual = field_get(row, "status");

    return !status || (actual && strcmp(actual, status) == 0);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    const char *status = invocation_text(invocation, "status");

    if (maqet_store_list(&invocation->context, &names, err) < 0)
        return -1;

    json_object *rows = json_object_new_array();
    for (size_t i = 0; i < names.count; i++) {
        json_object *row = describe(&invocation->context, names.items[i]);

        if (is_wanted(row, status))
            json_object_array_add(rows, row);
        else
            json_object_put(row);
    }
    output_result(&invocation->output, &invocation->command->view, rows);
    return 0;
}

static const struct command_option options[] = {
    {.name = "status",
     .letter = 's',
     .type = OPTION_CHOICE,
     .argument = "STATUS",
     .choice = status_name,
     .help = "list those of this status only"},
    {0},
};

static const struct command_example examples[] = {
    {"maqet ls", "List all"},
    {"maqet ls --status running --format plain | cut -f 1",
     "The names of those that run, for a script"},
    {0},
};

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"status", "STATUS", COLUMN_STATUS},
    {"pid", "PID", COLUMN_NUMBER},
    {"memory", "MEMORY", COLUMN_BYTES},
    {"cpu", "CPU", COLUMN_PERCENT},
    {"uptime", "UPTIME", COLUMN_DURATION},
    {0},
};

const struct command command_ls = {
    .name = "ls",
    .operands = "",
    .summary = "List virtual machines",
    .description = "MEMORY is what QEMU occupies now, CPU its share of one processor "
                   "since its start. The status is created (never started), running, "
                   "paused, stopped, or crashed: QEMU ended without cleaning up.",
    .options = options,
    .examples = examples,
    .view = {.columns = columns, .empty = "No virtual machines found.\n"},
    .run = run,
};
