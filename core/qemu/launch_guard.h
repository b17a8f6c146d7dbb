/* SPDX-License-Identifier: MIT */
/*
 * launch_guard.h - a QEMU that becomes another user ends with the maqet that has started
 * it, all the same.
 */
#ifndef MAQET_QEMU_LAUNCH_GUARD_H
#define MAQET_QEMU_LAUNCH_GUARD_H

#include <sys/types.h>

/*
 * Has this process, which is to become QEMU, killed when its parent ends. The kernel's
 * own signal for that (PR_SET_PDEATHSIG) is forgotten when a process becomes another
 * user, so a child looks after it. Async-signal-safe. -1 and errno.
 */
int maqet_launch_guard(pid_t parent);

#endif
