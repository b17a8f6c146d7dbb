/* SPDX-License-Identifier: MIT */
/*
 * apart.h - a QEMU without a guest that has drives of a stopped machine, so that a backup of
 * them is created in the same way as that of a running machine, and dirty bitmaps are kept. It
 * has the machine's lock, so nobody starts the machine while it has the drives, even if
 * maqet is killed, with which it dies. It is confined as the machine's own QEMU is.
 *
 * To other commands the machine is stopped, as it does not have its run file.
 */
#ifndef MAQET_BACKUP_APART_H
#define MAQET_BACKUP_APART_H

#include "core/machine/opened.h"

/* Starts it with the nodes of some drives of a machine that is opened with its lock, its run
 * folder and its definition. From then on the machine seems to be running, and its monitor is
 * that of this QEMU. *log: the file of its messages, for maqet_apart_end(). After an error it is
 * stopped. */
int maqet_apart_start(struct maqet_opened *machine,
                      const struct maqet_drive *const *drives, size_t count, int *log,
                      struct maqet_error **err);

/* Ends it: it writes its bitmaps to the images. The machine is stopped again. If it has ended by itself,
 * a warning says why. Closes @log. */
void maqet_apart_end(struct maqet_opened *machine, int log);

#endif
