/* SPDX-License-Identifier: MIT */
/*
 * pidfd.h - a process by descriptor (pidfd_open(2)): it never means another process that
 * got the same PID.
 */
#ifndef MAQET_BASE_PIDFD_H
#define MAQET_BASE_PIDFD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A pidfd; -1 and errno. Async-signal-safe, as is sending a signal. */
int maqet_pidfd_open(pid_t pid);

/* Sends a signal. -1 and errno. */
int maqet_pidfd_kill(int pidfd, int signal);

/* Asks a process to end, by SIGTERM; also one that a signal has stopped, which would not
 * get it before it goes on: SIGCONT follows, as systemd has it (systemd.kill(5)). */
void maqet_pidfd_terminate(int pidfd);

/* Waits until the process has ended, @timeout ms at most. True: it has. */
bool maqet_pidfd_wait(int pidfd, int64_t timeout);

/* The PID of the process, as long as it has not ended; 0: it has, or @pidfd is -1. */
int maqet_pidfd_pid(int pidfd);

#endif
