/* SPDX-License-Identifier: MIT */
#include "cli/welcome.h"

#include "core/machine/store.h"

enum { SUGGESTIONS = 3, COMMAND_COLUMN = 28 };

struct suggestion {
    const char *words; /* "{vm}" is the name of the first VM */
    const char *what;
};

static const struct suggestion without_vm[SUGGESTIONS] = {
    {"maqet new NAME --image FILE", "create a VM from a disk image"},
    {"maqet add vm.yaml", "add a VM that a file defines"},
    {"maqet doctor", "check whether this host is ready"},
};

static const struct suggestion with_vm[SUGGESTIONS] = {
    {"maqet ls", "list your VMs"},
    {"maqet start {vm}", "start one"},
    {"maqet doctor", "check whether this host is ready"},
};

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
    const struct suggestion *rows = any ? with_vm : without_vm;
    maqet_text_append(&text, "maqet runs QEMU virtual machines from YAML files.\n\n");
    for (size_t i = 0; i < SUGGESTIONS; i++) {
        _cleanup_free_ char *words =
            text_fill(rows[i].words, append_vm, any ? names.items[0] : "");

        maqet_text_appendf(&text, "  %-*s  %s\n", COMMAND_COLUMN, words, rows[i].what);
    }
    maqet_text_append(&text, "\nAll commands: maqet --help\n");
    output_text(text.data);
}
