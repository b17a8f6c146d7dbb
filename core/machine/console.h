/* SPDX-License-Identifier: MIT */
/*
 * console.h - the serial console of a guest that runs. It is the console's keeper
 * (keeper.h) that connects to it; or, where the user's arguments have a serial port of
 * their own, what they connect it to, if that is a unix socket or a terminal.
 */
#ifndef MAQET_MACHINE_CONSOLE_H
#define MAQET_MACHINE_CONSOLE_H

#include "core/machine/opened.h"

/*
 * Connects to the console of a machine that runs: a stream socket (of the user's arguments
 * perhaps a terminal), which the caller closes. What is read from it is what the guest
 * writes from now on; its unfinished line, such as a prompt, comes first. What is written
 * to it is typed in the guest. It ends when QEMU does. Several may be connected. -1 on
 * error: MAQET_ERROR_STATE, with what to do, if there is no console.
 */
int maqet_console_connect(struct maqet_opened *machine, struct maqet_error **err);

/* The same, but all that the guest has written since QEMU was started comes first, as far
 * as the log still has it (MAQET_CONSOLE_LOG_LIMIT): for those who look for a text that may
 * be there already. */
int maqet_console_connect_all(struct maqet_opened *machine, struct maqet_error **err);

/* The path of that socket or terminal, for other programs. NULL: there is none; the caller
 * frees. */
char *maqet_console_path(struct maqet_opened *machine);

/* Writes the log of the console to a file with that mode, which is replaced; the keeper must have
 * ended (maqet_keeper_settle()). An empty one if there is no log. */
int maqet_console_log_save(const struct maqet_opened *machine, const char *path,
                           mode_t mode, struct maqet_error **err);

#endif
