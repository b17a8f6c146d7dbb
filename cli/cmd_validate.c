/* SPDX-License-Identifier: MIT */
#include "cli/drives.h"
#include "cli/fields.h"
#include "cli/files.h"
#include "cli/options.h"
#include "core/lifecycle/addable.h"

static char *
text(json_object *row, bool colour)
{
    json_object *files = json_object_object_get(row, "files");
    struct maqet_text text = MAQET_TEXT_INIT;

    (void)colour;
    for (size_t i = 0; i < json_object_array_length(files); i++)
        maqet_text_appendf(&text, "%s%s", i > 0 ? " + " : "",
                           json_object_get_string(json_object_array_get_idx(files, i)));
    maqet_text_append(&text, ": valid\n");
    return maqet_text_take(&text);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_definition *definition =
        files_read(invocation, 0, invocation_text(invocation, "name"), err);
    _cleanup_vm_ struct maqet_vm *vm =
        definition ? maqet_vm_new(&invocation->context, definition, err) : NULL;

    if (!vm || maqet_vm_check(vm, err) < 0)
        return -1;

    json_object *result = json_object_new_object();
    field_text(result, "name", vm->definition->name);
    field_strings(result, "files", &invocation->operands);
    json_object_object_add(result, "storage", drives_describe(vm));
    output_result(&invocation->output, &invocation->command->view, result);
    return 0;
}

static const struct command_option options[] = {OPTION_NAME_ROW, OPTION_SET_ROW, {0}};

static const struct command_example examples[] = {
    {"maqet validate vm.yaml", "Check one file"},
    {"maqet validate base.yaml big.yaml --format json",
     "Check what two files make together, and list its drives"},
    {0},
};

static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT}, {0}};

const struct command command_validate = {
    .name = "validate",
    .operands = {OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Check YAML files as add would, and store nothing",
    .description = "The files are merged and checked as 'maqet add' does it: syntax, "
                   "keys, values, plugins, and the images that exist. A fault is "
                   "shown with its file, line and column.",
    .options = options,
    .examples = examples,
    .view = {.columns = columns, .text = text, .confirmation = true},
    .run = run,
};
