/* SPDX-License-Identifier: MIT */
/*
 * lock_holder.h - waiting for a lock on a file that another process has, and saying which
 * one that is: its PID, its command, and since when it runs. The kernel does not tell
 * (F_OFD_GETLK, fcntl(2), has no PID for these locks), so it is looked for in /proc.
 */
#ifndef MAQET_BASE_LOCK_HOLDER_H
#define MAQET_BASE_LOCK_HOLDER_H

#include "core/base/context.h"
#include "core/base/error.h"

/* "'maqet start web' (PID 12, since 14:03:05)"; NULL: it is not visible from here, such as a
 * process of another user. The caller frees. */
char *maqet_lock_holder(int fd);

/* Adds a hint that names the holder to an error about the lock. Returns -1. */
int maqet_lock_hint(int fd, struct maqet_error **err);

/* Like maqet_lock_wait(); the error's hint names the holder. After a second it is also said
 * what is waited for, if @context is not NULL. */
int maqet_lock_wait_named(int fd, int64_t timeout, const char *what,
                          const struct maqet_context *context, struct maqet_error **err);

#endif
