/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - other processes: what Linux tells of them and their threads (proc(5)), and
 * one by descriptor (pidfd_open(2)), which never means another process that got the same
 * PID.
 */
#ifndef MAQET_BASE_PROCFS_H
#define MAQET_BASE_PROCFS_H

#include <sys/types.h>

#include "core/base/text.h"

/* Fields of /proc/PID/stat. */
struct maqet_procfs_stat {
    char state; /* 'R' runs, 'S' sleeps, 'D' waits for its storage, 'T' was stopped ... */
    int parent;
    uint64_t user, kernel; /* the time that it has run, in clock ticks */
    uint64_t started;      /* in clock ticks since the host booted */
    uint64_t pages;        /* of memory that it has */
};

/* False: there is no such process. */
bool maqet_procfs_stat(int pid, struct maqet_procfs_stat *stat);
bool maqet_procfs_thread_stat(int pid, const char *thread,
                              struct maqet_procfs_stat *stat);

/* The same from the text of such a file. False: it is none. */
bool maqet_procfs_stat_parse(const char *text, struct maqet_procfs_stat *stat);

/* The state of a process; '\0': there is no such process. */
char maqet_procfs_state(int pid);

/* The name of the program that a process runs; "?" when it has gone. The caller frees. */
char *maqet_procfs_name(int pid);

/* Whether a descriptor of a process has locks on its file (proc_pid_fdinfo(5)). */
bool maqet_procfs_has_lock(int pid, int fd);

/* Adds the numbers of the threads that a process has now; none when it has gone. */
void maqet_threads_list(int pid, struct maqet_strings *threads);

/* Whether a process has threads that are not in that list, and all of these sleep; a
 * thread that works, or waits for a page of memory, does not. */
bool maqet_threads_others_sleep(int pid, const struct maqet_strings *known);

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
