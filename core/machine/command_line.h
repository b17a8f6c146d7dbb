/* SPDX-License-Identifier: MIT */
/*
 * command_line.h - the command line of QEMU for a machine, and of one that runs.
 */
#ifndef MAQET_MACHINE_COMMAND_LINE_H
#define MAQET_MACHINE_COMMAND_LINE_H

#include "core/machine/vm.h"

/* QEMU's whole command line, beginning with the program, exactly as a start runs it, but
 * without the arguments of that one start. */
int maqet_vm_command_line(struct maqet_vm *vm, struct maqet_strings *argv,
                          struct maqet_error **err);

/* Bytes of the guest's memory as the machine is defined; 0: QEMU will refuse the value. */
uint64_t maqet_vm_memory(const struct maqet_vm *vm);

/* The default of the key `cpu`; NULL: QEMU's own, or `arguments` say it. */
const char *maqet_vm_default_cpu(const struct maqet_vm *vm);

/* A file that is mapped as the guest's memory; what the guest writes stays private. */
struct maqet_mapped_memory {
    const char *file;
    const char *block; /* QEMU's name of the memory */
    uint64_t size;     /* in bytes */
    bool readonly;     /* QEMU need not open it for writing */
};

/* The arguments of one start: how the guest begins to run. */
struct maqet_start_arguments {
    bool incoming;       /* with a state that will be loaded */
    const char *machine; /* with @incoming: the machine's versioned type, or NULL */
    const struct maqet_mapped_memory *memory; /* with @incoming: its memory, or NULL */
    bool paused;                              /* paused until `cont` */
};

void maqet_command_line_add_start(struct maqet_strings *argv,
                                  const struct maqet_start_arguments *start);

/* Removes the arguments that maqet_command_line_add_start() has added. */
void maqet_command_line_cut_start(struct maqet_strings *argv);

/* The command line of a QEMU that runs, without the arguments of its start. */
int maqet_command_line_of(int pid, struct maqet_strings *argv, struct maqet_error **err);

#endif
