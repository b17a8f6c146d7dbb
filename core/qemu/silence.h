/* SPDX-License-Identifier: MIT */
/*
 * silence.h - the error for a QEMU that does not answer: why, as far as the kernel knows,
 * and what the user can do.
 */
#ifndef MAQET_QEMU_SILENCE_H
#define MAQET_QEMU_SILENCE_H

#include "core/base/error.h"

/* Whether a process in that state (core/base/procfs.h) is stopped, and so cannot answer. */
bool maqet_silence_is_stopped(char state);

/* The error for a QEMU that has not answered within @waited ms: MAQET_ERROR_TIMEOUT with
 * the VM, the PID, the state of the process, and the next steps as hints. It is marked as
 * silent. @pidfd: QEMU's, or -1. Returns -1. */
int maqet_silence_error(const char *vm, int pidfd, int64_t waited,
                        struct maqet_error **err);

/* The same for a process whose state is known. */
int maqet_silence_notice(const char *vm, int pid, char state, int64_t waited,
                         struct maqet_error **err);

/* The error for a QEMU that survived SIGKILL. Returns -1. */
int maqet_silence_error_survived(const char *vm, int pidfd, struct maqet_error **err);

#endif
