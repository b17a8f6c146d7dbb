/* SPDX-License-Identifier: MIT */
/*
 * run_holder.h - who has a machine's run file locked: its QEMU, and no other process that
 * happens to have the PID which stands in the file.
 */
#ifndef MAQET_MACHINE_RUN_HOLDER_H
#define MAQET_MACHINE_RUN_HOLDER_H

#include "core/base/error.h"

/* ms between the moment in which a start takes the lock and that in which its child has
 * written the PID. */
#define MAQET_RUN_FORK_TIMEOUT INT64_C(2000)

/* The PID that the run file names while its lock is held; 0: nobody runs. The caller gets
 * a pidfd in *pidfd, which is that of the holder for sure. @deadline is on the clock of
 * maqet_now(): by then the PID of one that is just being started must have been written.
 */
int maqet_run_holder(int run_fd, int *pidfd, int64_t deadline, struct maqet_error **err);

/* The name of the machine, of whatever data folder, whose QEMU a process of this user's
 * is; *data_dir gets that folder. NULL: it is none. The caller frees both. */
char *maqet_run_machine_of(int pid, char **data_dir);

#endif
