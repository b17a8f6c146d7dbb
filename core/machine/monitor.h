/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - the conversation with the QEMU of an opened machine. All questions together
 * have one limit, which is the user's --wait; a QEMU that has let it pass is not asked
 * again, so that a command which fails over it does not wait for it once more while it
 * tidies up.
 */
#ifndef MAQET_MACHINE_MONITOR_H
#define MAQET_MACHINE_MONITOR_H

#include "core/machine/opened.h"
#include "core/qemu/objects.h"
#include "core/qemu/qmp.h"

/* The connection to QEMU, which runs; it is made when it is first needed, and stays the
 * machine's. NULL on error. */
struct maqet_qmp *maqet_monitor_connect(struct maqet_opened *machine,
                                        struct maqet_error **err);

/* Gives the monitor up for others; it is connected to again when it is next needed. */
void maqet_monitor_leave(struct maqet_opened *machine);

/* A connection to the monitor in a run folder, for whoever has no opened machine. It is
 * shared fairly with other maqets: @lock gets a descriptor to be closed after the
 * connection. @timeout is in ms, for the lock and QEMU's answer together; @gone is QEMU's
 * pidfd. NULL on error; one of a QEMU that does not answer is marked as silent, and tells
 * the VM and the next step. */
struct maqet_qmp *maqet_monitor_open(int dir_fd, const char *name, int64_t timeout,
                                     int gone, int *lock, struct maqet_error **err);

/* Asks QEMU, which runs; takes the arguments (may be NULL). NULL on error: one that is
 * marked as silent when there is no answer, then and for all later questions. The caller
 * puts the answer. */
json_object *maqet_monitor_ask(struct maqet_opened *machine, const char *command,
                               json_object *arguments, struct maqet_error **err);

/* The same for what is done, and not only told: its time grows with the image. */
json_object *maqet_monitor_work(struct maqet_opened *machine, const char *command,
                                json_object *arguments, struct maqet_error **err);

/* Has QEMU do what a plugin has asked for, one after the other. */
int maqet_monitor_run_actions(struct maqet_opened *machine,
                              const struct maqet_actions *actions,
                              struct maqet_error **err);

/* QEMU's list of all its block nodes, an array. NULL on error; the caller puts it. */
json_object *maqet_monitor_nodes(struct maqet_opened *machine, struct maqet_error **err);

/* The node of that name in such a list, which keeps it; NULL: there is none. */
json_object *maqet_monitor_find_node(json_object *nodes, const char *name);

/*
 * Presses the power button of the guest of a machine that runs, within @timeout ms. A
 * guest that is paused or asleep goes on first, since it could not react; a QEMU whose
 * guest has powered off already, or has never run, is told to quit. MAQET_ERROR_STATE:
 * QEMU has ended meanwhile. Where the monitor's socket is lost, it is reached by the
 * descriptor of it that QEMU has.
 */
int maqet_power_button_press(const struct maqet_opened *machine, int64_t timeout,
                             struct maqet_error **err);

/* Whether QEMU is silent, and the command can do without its answers. */
bool maqet_monitor_does_without(const struct maqet_opened *machine);

#endif
