/* SPDX-License-Identifier: MIT */
/*
 * run_folder.h - whether a machine runs, and where its run folder is. The file
 * DATA/vms/NAME/run, which its QEMU keeps open and locked, identifies a machine. Its name
 * cannot, because a machine of another data folder may have the same name; its UUID
 * cannot, because a machine in a copy of the data folder has the same UUID.
 *
 * The folder is RUNTIME/NAME, or RUNTIME/NAME@2 and so on if that belongs to another
 * machine of the same name. The file `owner` in it identifies its machine.
 */
#ifndef MAQET_MACHINE_RUN_FOLDER_H
#define MAQET_MACHINE_RUN_FOLDER_H

#include "core/base/context.h"
#include "core/machine/run.h"

/* Looks, and creates nothing. @vms_fd: maqet_store_open(). If QEMU is just being started,
 * it must have written its PID by @deadline (on the clock of maqet_now()). */
int maqet_run_look(const struct maqet_context *context, int vms_fd, const char *name,
                   int64_t deadline, struct maqet_run *run, struct maqet_error **err);

/* The same for a command that is going to work on the machine: its run file and, if it
 * does not run, its run folder are created if they are missing. */
int maqet_run_open(const struct maqet_context *context, const char *name,
                   struct maqet_run *run, struct maqet_error **err);

/* Where the folder is, or would be; nothing is created. The caller frees. */
char *maqet_run_folder(const struct maqet_context *context, const char *name);

/* Notes where the folder of a machine is that is about to run, so that every maqet finds
 * it there, with any runtime folder. The machine's lock is held. */
int maqet_run_note_folder(const struct maqet_context *context, const char *name,
                          const struct maqet_run *run, struct maqet_error **err);

/* Removes a run folder that is abandoned (run_owner.h), in the runtime folder. One that has
 * been claimed again meanwhile stays. */
int maqet_run_remove_abandoned(const struct maqet_context *context, const char *folder,
                               struct maqet_error **err);

#endif
