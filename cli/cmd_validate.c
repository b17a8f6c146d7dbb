/* SPDX-License-Identifier: MIT */
#include "cli/drives.h"
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/apply.h"

struct validated {
    const char *name;
    struct maqet_strings files;
    struct drive_rows drives;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct validated, MAQET_ROW(struct validated, name, "the VM's name"),
    MAQET_ROW(struct validated, files, "the files that it is made of"),
    {"storage",
     MAQET_FIELD_LIST(struct validated, drives.items, drives.count, &drive_fields),
     .help = "its drives"});

static char *
text(const void *row)
{
    const struct validated *validated = row;
    _cleanup_free_ char *files = maqet_strings_join(&validated->files, " + ");

    return maqet_format("%s: valid\n", files);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "name"}, .text = text, .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_definition *definition =
        operands_define(invocation, 0, invocation_text(invocation, "name"), err);
    _cleanup_vm_ struct maqet_vm *vm =
        definition ? maqet_vm_new(&invocation->context, definition, err) : NULL;

    if (!vm || maqet_vm_check(vm, err) < 0)
        return -1;

    struct validated validated = {vm->definition->name, invocation->operands, {0}};
    drives_describe(vm, &validated.drives);
    output_result(&invocation->output, &view, &validated);
    maqet_fields_list_free(&drive_fields, validated.drives.items, validated.drives.count);
    return 0;
}

const struct command command_validate = {
    .name = "validate",
    .operands = {OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Check YAML files without storing anything",
    .description = "The files are merged and checked as by 'maqet add': syntax, keys, "
                   "values, plugins, and existing images. Errors are shown with file, "
                   "line and column.",
    .options = {OPTION_NAME_ROW, OPTION_SET_ROW},
    .examples = {{"maqet validate vm.yaml", "Check one file"},
                 {"maqet validate base.yaml big.yaml --format json",
                  "Check the combination of two files, and list its drives"}},
    .view = &view,
    .run = run,
};
