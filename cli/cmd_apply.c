/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/fields.h"
#include "cli/files.h"
#include "cli/options.h"
#include "core/lifecycle/apply.h"
#include "core/machine/store.h"

static char *
text(json_object *row, bool colour)
{
    const char *name = field_get(row, "name"), *change = field_get(row, "change");
    bool running = json_object_get_boolean(json_object_object_get(row, "running"));

    (void)colour;
    if (strcmp(change, "created") == 0)
        return maqet_format("Created virtual machine '%s'.\n", name);
    if (strcmp(change, "changed") == 0)
        return maqet_format("Changed virtual machine '%s'%s.\n", name,
                            running
                                ? ", which is running: the change takes effect at its "
                                  "next start"
                                : "");
    return maqet_format("Virtual machine '%s' is unchanged.\n", name);
}

/* What the first operand is called: a machine that is there, or one to be created. */
static char *
name_of(const struct invocation *invocation)
{
    const char *operand = invocation->operands.items[0];
    char *name = maqet_store_resolve(&invocation->context, operand, NULL);

    return name ? name : maqet_strdup(operand);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_free_ char *name = name_of(invocation);
    struct maqet_definition *definition = files_read(invocation, 1, name, err);
    struct maqet_state state = {0};
    const char *change;

    if (!definition || maqet_vm_apply(context, definition, &change, err) < 0 ||
        maqet_state_look(context, name, &state, err) < 0)
        return -1;

    json_object *result = json_object_new_object();
    field_text(result, "name", name);
    field_text(result, "change", change);
    json_object_object_add(result, "running", json_object_new_boolean(state.pid > 0));
    output_result(&invocation->output, &invocation->command->view, result);
    return 0;
}

static const struct command_option options[] = {OPTION_SET_ROW, {0}};

static const struct command_example examples[] = {
    {"maqet apply web web.yaml", "Create web, or bring it up to date"},
    {"maqet apply web web.yaml --set memory=4G", "The same, with more memory"},
    {0},
};

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"change", "CHANGE", COLUMN_TEXT},
    {0},
};

const struct command command_apply = {
    .name = "apply",
    .operands = {OPERAND_VM, OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Make a virtual machine what YAML files say",
    .description = "The files are merged and checked as 'maqet add' does it. The "
                   "virtual machine is created when there is none of that name, and "
                   "changed when it is different; applying the same files again "
                   "changes nothing. A machine that runs goes on as it is, and is "
                   "what the files say from its next start on. Images that exist are "
                   "not touched.",
    .options = options,
    .examples = examples,
    .view = {.columns = columns, .text = text, .confirmation = true},
    .run = run,
};
