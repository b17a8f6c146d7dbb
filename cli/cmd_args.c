/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "core/base/printable.h"
#include "core/machine/command_line.h"
#include "core/machine/store.h"
#include "core/machine/vm.h"

/* An option and its value on each line, quoted for a shell. The caller frees. */
static char *
shell_text(const struct maqet_strings *argv)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < argv->count; i++) {
        if (i > 0)
            maqet_text_append(&text, *argv->items[i] == '-' ? " \\\n    " : " ");
        maqet_shell_append(&text, argv->items[i]);
    }
    maqet_text_append(&text, "\n");
    return maqet_text_take(&text);
}

static const struct view view = {
    .remark = "A list of strings: the program, and each of its arguments."};

static bool
looks_like_file(const char *operand)
{
    const char *dot = strrchr(operand, '.');

    return strchr(operand, '/') || strcmp(operand, "-") == 0 ||
           (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)) ||
           access(operand, F_OK) == 0;
}

/* A VM takes precedence over a file of the same name. */
static struct maqet_vm *
open_operands(const struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const char *operand = invocation->operands.items[0];
    _cleanup_error_ struct maqet_error *unknown = NULL;
    _cleanup_free_ char *stored = invocation->operands.count == 1
                                      ? maqet_store_resolve(context, operand, &unknown)
                                      : NULL;

    if (stored) {
        if (!invocation_has(invocation, "name") && !invocation_has(invocation, "set"))
            return maqet_vm_open(context, stored, err);
        usage_error(invocation, err, "'%s' is a VM; --name and --set are for files",
                    operand);
        return NULL;
    }
    if (unknown && !looks_like_file(operand)) {
        maqet_error_move(err, TAKE_PTR(unknown));
        return NULL;
    }
    return operands_vm(invocation, err);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = open_operands(invocation, err);
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    if (!vm || maqet_vm_check_sound(vm, err) < 0 ||
        maqet_vm_command_line(vm, &argv, err) < 0)
        return -1;

    _cleanup_free_ char *text = shell_text(&argv);
    output_texts(&invocation->output, &argv, text, NULL);
    return 0;
}

const struct command command_args = {
    .name = "args",
    .operands = {OPERAND_VM_OR_FILE | OPERAND_REPEATED},
    .summary = "Show the QEMU command line",
    .description = "Shows exactly what 'maqet start' runs, quoted for a shell, with "
                   "one option per line; with --format plain one argument per line, "
                   "and with --format json or yaml as a list. The operand is a VM, or "
                   "YAML files, which are read as by 'maqet add' and not stored. "
                   "Descriptor 3 is the monitor's socket, which QEMU inherits from "
                   "maqet.",
    .options = {OPTION_NAME_ROW, OPTION_SET_ROW},
    .examples = {{"maqet args myvm", "What 'maqet start myvm' runs"},
                 {"maqet args ./vm.yaml --set memory=8G",
                  "What a file would run, with more memory"}},
    .view = &view,
    .run = run,
};
