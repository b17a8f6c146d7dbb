/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a real QEMU with drives of the plugin: started as maqet starts one, but
 * that its guest never runs (-S) and that it dies with us.
 */
#ifndef MAQET_CONFORMANCE_MACHINE_H
#define MAQET_CONFORMANCE_MACHINE_H

#include "core/conformance/bench.h"
#include "core/machine/vm.h"
#include "core/qemu/objects.h"
#include "core/qemu/launch.h"
#include "core/qemu/qmp.h"

struct machine {
    struct maqet_vm *vm; /* its drives are those of the entries, in their order */
    struct maqet_process process;
    struct maqet_qmp *qmp;
    int dir_fd;
    int run_fd;
    int log_fd;
    int lock; /* of the monitor */
};

#define MACHINE_INIT                                                                     \
    ((struct machine){                                                                   \
        .dir_fd = -1, .run_fd = -1, .log_fd = -1, .lock = -1, .process = {.pidfd = -1}})

/* The @index-th machine type to try: NULL after the last one. */
const char *machine_type(const struct bench *bench, unsigned index);

/* Makes the drives of the entries and what these are made of, runs QEMU and waits for its
 * answer. */
int machine_run(struct bench *bench, struct machine *machine, const char *type,
                json_object *const *entries, size_t count, struct maqet_error **err);

/* The same with bench->drive, on the first machine type. */
int machine_run_drive(struct bench *bench, struct machine *machine,
                      struct maqet_error **err);

/* Ends QEMU, so that it flushes its images. */
void machine_clear(struct machine *machine);

#define _cleanup_machine_ _cleanup_(machine_clear)

/* Runs a command; takes the arguments. NULL on error. */
json_object *machine_ask(struct machine *machine, const char *command,
                         json_object *arguments, struct maqet_error **err);
int machine_tell(struct machine *machine, const char *command, json_object *arguments,
                 struct maqet_error **err);

/* Has it do what the callback of a plugin has appended. */
int machine_act(struct machine *machine, const struct maqet_actions *actions,
                const char *callback, struct maqet_error **err);

/* Whether the guest has a device of that id, or QEMU a block node of that name. */
bool machine_has_device(struct machine *machine, const char *id);
bool machine_has_node(struct machine *machine, const char *name);

#endif
