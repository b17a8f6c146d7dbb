/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - other processes and their threads: proc(5), and pidfds (pidfd_open(2)), which
 * never refer to a later process with the same PID.
 */
#ifndef MAQET_BASE_PROCFS_H
#define MAQET_BASE_PROCFS_H

#include <sys/types.h>

#include "core/base/text.h"

/* Fields of /proc/PID/stat. */
struct maqet_procfs_stat {
    char state; /* 'R' running, 'S' sleeping, 'D' waiting for a disk, 'T' stopped, ... */
    int parent;
    uint64_t user, kernel; /* CPU time in clock ticks */
    uint64_t started;      /* in clock ticks since boot */
    uint64_t pages;        /* of resident memory */
};

/* False: there is no such process. */
bool maqet_procfs_stat(int pid, struct maqet_procfs_stat *stat);
bool maqet_procfs_thread_stat(int pid, const char *thread,
                              struct maqet_procfs_stat *stat);

/* Parses the text of such a file. False: it is not one. */
bool maqet_procfs_stat_parse(const char *text, struct maqet_procfs_stat *stat);

/* The CPU time of all its threads, in ns. False: there is no such process. */
bool maqet_procfs_cpu_time(int pid, uint64_t *time);

/* Adds the names of the network interfaces of the host whose other end the process has open
 * (TUN and TAP devices), each once; none if it is in another network namespace. */
void maqet_procfs_taps(int pid, struct maqet_strings *names);

/* The state; '\0': there is no such process. */
char maqet_procfs_state(int pid);

/* The name of the program; "?": there is no such process. The caller frees. */
char *maqet_procfs_name(int pid);

/* The program's base name and the beginning of its arguments, printable. The caller frees. */
char *maqet_procfs_command(int pid);

/* Whether a descriptor of a process has locks on its file (proc_pid_fdinfo(5)). */
bool maqet_procfs_has_lock(int pid, int fd);

/* Whether a process has the file open; *locked: with a lock on it. */
struct maqet_file_id;
bool maqet_procfs_holds(int pid, const struct maqet_file_id *wanted, bool *locked);

/* Adds the numbers of the threads of a process; none if it is gone. */
void maqet_threads_list(int pid, struct maqet_strings *threads);

/* Whether a process has threads that are not in that list, and all of these sleep, rather
 * than run or wait for a page of memory. */
bool maqet_threads_others_sleep(int pid, const struct maqet_strings *known);

/* A pidfd, or -1 and errno. Async-signal-safe, as is sending a signal. */
int maqet_pidfd_open(pid_t pid);

/* Sends a signal. Returns 0, or -1 and errno. */
int maqet_pidfd_kill(int pidfd, int signal);

/* Sends SIGTERM, then SIGCONT, without which a stopped process would not get it, as
 * systemd does (systemd.kill(5)). */
void maqet_pidfd_terminate(int pidfd);

/* Waits for the end of the process, for @timeout ms at most. True: it has ended. */
bool maqet_pidfd_wait(int pidfd, int64_t timeout);

/* The PID of the process; 0: it has ended, or @pidfd is -1. */
int maqet_pidfd_pid(int pidfd);

#endif
