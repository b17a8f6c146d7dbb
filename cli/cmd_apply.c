/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/apply.h"
#include "core/machine/state.h"
#include "core/machine/store.h"

struct applied {
    const char *name;
    const char *change;
    bool running;
};

MAQET_WORDS(change_word, "created", "changed", "unchanged")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct applied, MAQET_ROW(struct applied, name, "the VM's name"),
    {"change", MAQET_FIELD_CHOICE(struct applied, change, change_word),
     .help = "what was done to its definition"},
    MAQET_ROW(struct applied, running,
              "whether it is running, so that a change takes effect at its "
              "next start"));

static char *
text(const void *row)
{
    const struct applied *applied = row;

    if (strcmp(applied->change, "created") == 0)
        return maqet_format("Created VM '%s'.\n", applied->name);
    if (strcmp(applied->change, "changed") == 0)
        return maqet_format("Changed VM '%s'%s.\n", applied->name,
                            applied->running
                                ? ", which is running: the change takes effect at its "
                                  "next start"
                                : "");
    return maqet_format("VM '%s' is unchanged.\n", applied->name);
}

static const struct view view = {.table = {.fields = &fields, .columns = "name change"},
                                 .text = text,
                                 .confirmation = true};

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
    struct maqet_definition *definition = operands_define(invocation, 1, name, err);
    struct maqet_state state = {0};
    const char *change;

    if (!definition || maqet_vm_apply(context, definition, &change, err) < 0 ||
        maqet_state_look(context, name, &state, err) < 0)
        return -1;

    const struct applied applied = {name, change, state.pid > 0};
    output_result(&invocation->output, &view, &applied);
    return 0;
}

const struct command command_apply = {
    .name = "apply",
    .operands = {OPERAND_VM, OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Create or change a VM to match YAML files",
    .description = "The files are merged and checked as by 'maqet add'. If there is "
                   "no VM of that name, it is created; if it differs, it is changed; "
                   "applying the same files again changes nothing. A running VM keeps "
                   "its configuration until its next start. Existing images are not "
                   "changed.",
    .options = {OPTION_SET_ROW},
    .examples = {{"maqet apply web web.yaml", "Create web, or update it"},
                 {"maqet apply web web.yaml --set memory=4G",
                  "The same, with more memory"}},
    .view = &view,
    .run = run,
};
