/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/apply.h"
#include "core/machine/store.h"

struct added {
    const char *name;
    const char *uuid;
};

static const struct maqet_fields fields =
    MAQET_FIELDS_OF(struct added, MAQET_ROW(struct added, name, "the VM's name"),
                    MAQET_ROW(struct added, uuid, "its UUID"));

static char *
text(const void *row)
{
    const struct added *added = row;

    return maqet_format("Added VM '%s'.\n", added->name);
}

static const struct view view = {.table = {.fields = &fields, .columns = "name uuid"},
                                 .text = text,
                                 .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_definition *definition =
        operands_define(invocation, 0, invocation_text(invocation, "name"), err);
    _cleanup_vm_ struct maqet_vm *vm =
        definition ? maqet_vm_new(&invocation->context, definition, err) : NULL;

    if (!vm || maqet_vm_check(vm, err) < 0 ||
        maqet_store_add(&invocation->context, vm->definition, err) < 0)
        return -1;

    const struct added added = {vm->definition->name, vm->definition->uuid};
    output_result(&invocation->output, &view, &added);
    return 0;
}

const struct command command_add = {
    .name = "add",
    .operands = {OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Add a VM from YAML files",
    .description = "The files are merged from left to right: mappings recursively, "
                   "lists by concatenation, and a drive into an earlier drive of the "
                   "same name. '-' means standard input. If a single file has no "
                   "`name`, the VM is named after the file: test-vm.yaml adds "
                   "test-vm. The result is checked by the plugins and stored; the "
                   "files are no longer needed. No image is created before the first "
                   "start.",
    .options = {OPTION_NAME_ROW, OPTION_SET_ROW},
    .examples =
        {{"maqet add vm.yaml", "Add the VM that vm.yaml defines"},
         {"maqet add base.yaml big.yaml --name build --set memory=8G",
          "Add the VM that base.yaml defines, with the changes in big.yaml and on the "
          "command line"}},
    .view = &view,
    .run = run,
};
