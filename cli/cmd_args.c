/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "core/base/printable.h"
#include "core/machine/command_line.h"
#include "core/machine/state.h"
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

/* The command line of a VM: of the QEMU that runs, or of the next start. */
static int
read_of_vm(const struct invocation *invocation, const char *name,
           struct maqet_strings *argv, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    struct maqet_state state = {0};

    if (!invocation_has(invocation, "next")) {
        if (maqet_state_look(context, name, &state, err) < 0)
            return -1;
        if (state.pid > 0)
            return maqet_command_line_of(state.pid, argv, err);
    }
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(context, name, err);
    return vm ? maqet_vm_command_line(vm, argv, err) : -1;
}

static int
read_of_files(const struct invocation *invocation, struct maqet_strings *argv,
              struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = operands_vm(invocation, err);

    return vm ? maqet_vm_command_line(vm, argv, err) : -1;
}

/* A VM takes precedence over a file of the same name. */
static int
read_operands(const struct invocation *invocation, struct maqet_strings *argv,
              struct maqet_error **err)
{
    const char *operand = invocation->operands.items[0];
    _cleanup_error_ struct maqet_error *unknown = NULL;
    _cleanup_free_ char *stored =
        invocation->operands.count == 1
            ? maqet_store_resolve(&invocation->context, operand, &unknown)
            : NULL;

    if (stored) {
        if (!invocation_has(invocation, "name") && !invocation_has(invocation, "set"))
            return read_of_vm(invocation, stored, argv, err);
        return usage_error(invocation, err,
                           "'%s' is a VM; --name and --set are for files", operand);
    }
    if (unknown && !looks_like_file(operand))
        return maqet_error_move(err, TAKE_PTR(unknown));
    if (invocation_has(invocation, "next"))
        return usage_error(invocation, err, "--next is for a VM");
    return read_of_files(invocation, argv, err);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    if (read_operands(invocation, &argv, err) < 0)
        return -1;

    _cleanup_free_ char *text = shell_text(&argv);
    output_texts(&invocation->output, &argv, text, NULL);
    return 0;
}

const struct command command_args = {
    .name = "args",
    .related = "config qmp status maqet.yaml(5) qemu-system-x86_64(1)",
    .endable = true,
    .operands = {OPERAND_VM_OR_FILE | OPERAND_REPEATED},
    .summary = "Show the QEMU command line",
    .description =
        "Shows what the VM's QEMU was really started with or, if it does not run, exactly "
        "what 'maqet start' runs: quoted for a shell, with one option per line; with "
        "--format plain one argument per line, and with --format json or yaml as a list. "
        "The arguments of one start alone, such as -S, are left out. The operand is a "
        "VM, or YAML files, which are read as by 'maqet add' and not stored. Descriptor "
        "3 is the monitor's socket, which QEMU inherits from maqet.",
    .options = {OPTION_NAME_ROW,
                OPTION_SET_ROW,
                {"next", .help = "show what the next start would run, even if the VM "
                                 "runs now"}},
    .examples = {{"maqet args myvm", "What myvm runs, or what a start would"},
                 {"maqet args myvm --next", "What its next start runs"},
                 {"maqet args ./vm.yaml --set memory=8G",
                  "What a file would run, with more memory"}},
    .view = &view,
    .run = run,
};
