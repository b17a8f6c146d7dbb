/* SPDX-License-Identifier: MIT */
/* maqet add, maqet apply and maqet validate: VMs that YAML files define. */
#include <string.h>

#include "cli/drives.h"
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/base/interrupt.h"
#include "core/lifecycle/apply.h"
#include "core/machine/state.h"
#include "core/machine/events.h"
#include "core/machine/store.h"

/* ---- add ---- */

static const struct maqet_fields add_fields = MAQET_FIELDS_OF(
    struct maqet_definition, MAQET_ROW(struct maqet_definition, name, "the VM's name"),
    MAQET_ROW(struct maqet_definition, uuid, "its UUID"));

static const struct view add_view = {
    .table = {.fields = &add_fields, .columns = "name uuid"},
    .sentence = "Added VM '{name}'.\n",
    .confirmation = true};

static int
run_add(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = operands_vm(invocation, err);

    if (!vm || maqet_vm_check(vm, err) < 0 || maqet_interrupt_check(err) < 0 ||
        maqet_store_add(&invocation->context, vm->definition, err) < 0)
        return -1;
    maqet_event_note(&invocation->context, vm->definition->name, "added", NULL);
    output_result(&invocation->output, &add_view, vm->definition);
    return 0;
}

const struct command command_add = {
    .name = "add",
    .related = "apply diff new rm validate maqet.yaml(5)",
    .undoes = true,
    .undone = "The VM was not added",
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
    .view = &add_view,
    .run = run_add,
};

/* ---- apply ---- */

struct applied {
    const char *name;
    const char *change;
    bool running;
};

MAQET_WORDS(change_word, "created", "changed", "unchanged")

static const struct maqet_fields apply_fields = MAQET_FIELDS_OF(
    struct applied, MAQET_ROW(struct applied, name, "the VM's name"),
    {"change", MAQET_FIELD_CHOICE(struct applied, change, change_word),
     .help = "what was done to its definition"},
    MAQET_ROW(struct applied, running,
              "whether it is running, so that a change takes effect at its "
              "next start"));

static char *
apply_text(const void *row)
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

static const struct view apply_view = {
    .table = {.fields = &apply_fields, .columns = "name change"},
    .text = apply_text,
    .confirmation = true};

static int
run_apply(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const char *name = invocation->operands.items[0];
    struct maqet_definition *definition = operands_define(invocation, 1, name, err);
    struct maqet_state state = {0};
    const char *change;

    if (!definition || maqet_vm_apply(context, definition, NULL, &change, err) < 0 ||
        maqet_state_look(context, name, &state, err) < 0)
        return -1;

    const struct applied applied = {name, change, state.pid > 0};
    output_result(&invocation->output, &apply_view, &applied);
    return 0;
}

const struct command command_apply = {
    .name = "apply",
    .related = "diff edit restart validate maqet.yaml(5)",
    .undoes = true,
    .undone = "The VM was not changed",
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
    .view = &apply_view,
    .run = run_apply,
};

/* ---- validate ---- */

struct validated {
    const char *name;
    struct maqet_strings files;
    struct drive_rows drives;
};

static const struct maqet_fields validate_fields = MAQET_FIELDS_OF(
    struct validated, MAQET_ROW(struct validated, name, "the VM's name"),
    MAQET_ROW(struct validated, files, "the files that it is made of"),
    {"storage",
     MAQET_FIELD_LIST(struct validated, drives.items, drives.count, &drive_fields),
     .help = "its drives"});

static char *
validate_text(const void *row)
{
    const struct validated *validated = row;
    _cleanup_free_ char *files = maqet_strings_join(&validated->files, " + ");

    return maqet_format("%s: valid\n", files);
}

static const struct view validate_view = {
    .table = {.fields = &validate_fields, .columns = "name"},
    .text = validate_text,
    .confirmation = true};

static int
run_validate(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = operands_vm(invocation, err);

    if (!vm || maqet_vm_check(vm, err) < 0)
        return -1;

    struct validated validated = {vm->definition->name, invocation->operands, {0}};
    drives_describe(vm, &validated.drives);
    output_result(&invocation->output, &validate_view, &validated);
    maqet_fields_list_free(&drive_fields, validated.drives.items, validated.drives.count);
    return 0;
}

const struct command command_validate = {
    .name = "validate",
    .related = "diff maqet.yaml(5)",
    .endable = true,
    .operands = {OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Check YAML files without storing anything",
    .description = "The files are merged and checked as by 'maqet add': syntax, keys, "
                   "values, plugins, and existing images. Errors are shown with file, "
                   "line and column.",
    .options = {OPTION_NAME_ROW, OPTION_SET_ROW},
    .examples = {{"maqet validate vm.yaml", "Check one file"},
                 {"maqet validate base.yaml big.yaml --format json",
                  "Check the combination of two files, and list its drives"}},
    .view = &validate_view,
    .run = run_validate,
};
