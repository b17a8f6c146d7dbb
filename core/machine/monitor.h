/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - the monitor of an opened machine's QEMU. All questions together have one
 * time limit, the user's --wait. A QEMU that has exceeded it is not asked again, so that
 * a command which fails because of it does not wait once more while it cleans up.
 */
#ifndef MAQET_MACHINE_MONITOR_H
#define MAQET_MACHINE_MONITOR_H

#include "core/machine/opened.h"
#include "core/qemu/objects.h"
#include "core/qemu/qmp.h"

/* The connection to QEMU, which runs; made when it is first needed, and owned by the
 * machine. NULL on error. */
struct maqet_qmp *maqet_monitor_connect(struct maqet_opened *machine,
                                        struct maqet_error **err);

/* Closes the connection, for others; the next use connects again. */
void maqet_monitor_leave(struct maqet_opened *machine);

/* A connection to the monitor in a run folder, without an opened machine. *lock gets a
 * descriptor that keeps other maqets from it, to be closed after the connection. @timeout
 * (ms) is for the lock and QEMU's answer together; @gone is QEMU's pidfd. NULL on error,
 * which is marked as silent if QEMU does not answer. */
struct maqet_qmp *maqet_monitor_open(int dir_fd, const char *name, int64_t timeout,
                                     int gone, int *lock, struct maqet_error **err);

/* Asks QEMU, which runs; takes the arguments (may be NULL). The caller puts the answer.
 * NULL on error, which is marked as silent if there is no answer, now or earlier. */
json_object *maqet_monitor_ask(struct maqet_opened *machine, const char *command,
                               json_object *arguments, struct maqet_error **err);

/* The same for a command whose time grows with the image. */
json_object *maqet_monitor_work(struct maqet_opened *machine, const char *command,
                                json_object *arguments, struct maqet_error **err);

/* Executes the actions of a plugin one after the other. */
int maqet_monitor_run_actions(struct maqet_opened *machine,
                              const struct maqet_actions *actions,
                              struct maqet_error **err);

/* QEMU's list of all its block nodes, an array. NULL on error; the caller puts it. */
json_object *maqet_monitor_nodes(struct maqet_opened *machine, struct maqet_error **err);

/* The node with that name in such a list, which owns it; NULL: there is none. */
json_object *maqet_monitor_find_node(json_object *nodes, const char *name);

/* How large a drive is of which QEMU has the node open, in bytes. MAQET_ERROR_MISSING: it has none. */
int maqet_monitor_drive_size(struct maqet_opened *machine,
                             const struct maqet_drive *drive, uint64_t *bytes,
                             struct maqet_error **err);

/* Presses the power button of the guest of a machine that runs, within @timeout ms. A
 * guest that is paused or suspended is resumed first; a QEMU whose guest has powered off,
 * has panicked or has never run is told to quit. Works even if the monitor's socket is lost.
 * MAQET_ERROR_STATE: QEMU has ended meanwhile. */
int maqet_power_button_press(const struct maqet_opened *machine, int64_t timeout,
                             struct maqet_error **err);

/* Whether QEMU does not answer, and the command can continue without it. */
bool maqet_monitor_does_without(const struct maqet_opened *machine);

#endif
