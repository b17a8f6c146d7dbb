/* SPDX-License-Identifier: MIT */
#include "cli/welcome.h"

#include <string.h>

#include "core/machine/store.h"

enum { SUGGESTIONS = 3, COMMAND_COLUMN = 36 };

/* In the order of preference. */
struct suggestion {
    const char *command; /* that it needs */
    const char *words;   /* "{vm}" is the name of the first VM */
    const char *what;
};

static const struct suggestion without_vm[] = {
    {"new", "maqet new NAME --image FILE --size 20G", "create a VM from a disk image"},
    {"add", "maqet add vm.yaml", "add a VM that a file defines"},
    {"doctor", "maqet doctor", "check whether this host is ready"},
    {"help", "maqet --help", "list all commands"},
};

static const struct suggestion with_vm[] = {
    {"ls", "maqet ls", "list your VMs"},
    {"start", "maqet start {vm}", "start one"},
    {"help", "maqet --help", "list all commands"},
};

static bool
has_command(const struct invocation *invocation, const char *name)
{
    for (const struct command *const *command = invocation->commands; *command; command++)
        if (strcmp((*command)->name, name) == 0)
            return true;
    return false;
}

static void
append_vm(struct maqet_text *text, const char *field, const void *data)
{
    (void)field;
    maqet_text_append(text, data);
}

void
welcome_print(const struct invocation *invocation)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    maqet_store_list(&invocation->context, &names, NULL);
    bool any = names.count > 0;
    const struct suggestion *row = any ? with_vm : without_vm;
    size_t rows =
        any ? sizeof(with_vm) / sizeof(*row) : sizeof(without_vm) / sizeof(*row);
    maqet_text_append(&text, "maqet runs QEMU virtual machines from YAML files.\n\n");
    for (size_t i = 0, shown = 0; i < rows && shown < SUGGESTIONS; i++) {
        if (!has_command(invocation, row[i].command))
            continue;
        _cleanup_free_ char *words =
            text_fill(row[i].words, append_vm, any ? names.items[0] : "");

        maqet_text_appendf(&text, "  %-*s  %s\n", COMMAND_COLUMN, words, row[i].what);
        shown++;
    }
    output_text(text.data);
}
