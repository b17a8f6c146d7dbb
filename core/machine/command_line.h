/* SPDX-License-Identifier: MIT */
/*
 * command_line.h - QEMU's command line: what it is for a machine, and what it was for one
 * that runs.
 */
#ifndef MAQET_MACHINE_COMMAND_LINE_H
#define MAQET_MACHINE_COMMAND_LINE_H

#include "core/machine/vm.h"

/* QEMU's whole command line, the program first, exactly as start runs it, but for what one
 * start adds. */
int maqet_vm_command_line(const struct maqet_vm *vm, struct maqet_strings *argv,
                          struct maqet_error **err);

/* What one start adds to it: how the guest comes to run. */
struct maqet_start_arguments {
    bool incoming;       /* its state will be loaded */
    const char *machine; /* with @incoming: the machine's versioned type, or NULL */
    bool paused;         /* without: it stands still until it is told to go on */
};

void maqet_command_line_add_start(struct maqet_strings *argv,
                                  const struct maqet_start_arguments *start);

/* Takes away what maqet_command_line_add_start() has added, whichever it was. */
void maqet_command_line_cut_start(struct maqet_strings *argv);

/* What a QEMU that runs was called with, but for what its start has added. */
int maqet_command_line_of(int pid, struct maqet_strings *argv, struct maqet_error **err);

#endif
