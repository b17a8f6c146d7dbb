/* SPDX-License-Identifier: MIT */
/*
 * helpers_record.h - the record of the programs beside QEMU (helpers.h), in its run
 * folder: by it, later commands find them.
 */
#ifndef MAQET_MACHINE_HELPERS_RECORD_H
#define MAQET_MACHINE_HELPERS_RECORD_H

#include "core/storage/drive.h"

/* The record's file, and the name of the supervisor's process. */
#define MAQET_HELPERS_RECORD "helpers"
#define MAQET_HELPERS_SUPERVISOR "maqet-helpers"

/* ms in which they must end when they are told to. They may have to flush. */
#define MAQET_HELPERS_PATIENCE INT64_C(10000)

/* For a supervisor: opens the record in the run folder, with a lock that it shares until it
 * ends. The descriptor; -1 and errno. */
int maqet_helpers_join(int dir_fd);

/* Adds a process to the record. -1: that failed; errno may be unset. */
int maqet_helpers_note(int fd, int pid, const char *drive);

/* Whether a process is one of the helpers that the record in the run folder (-1: there is
 * none) lists. */
bool maqet_helpers_has(int dir_fd, int pid);

/* Appends the PIDs of the processes that the supervisor of the helper @pid waits for. One
 * of them is QEMU. Nothing, if it is no helper, or may not be inspected. */
void maqet_helpers_watched(int pid, struct maqet_strings *pids);

/* Waits for the helpers of a QEMU that has ended, ends those that remain, and removes
 * their sockets and their record from the folder. This comes before any other use of the
 * drives, to which they may still be writing. The machine's lock is held. */
void maqet_helpers_end(int dir_fd);

/* Ends the program of one drive beside a QEMU that runs, if there is one, and removes its
 * socket. The machine's lock is held. */
void maqet_helpers_end_one(int dir_fd, const char *drive);

#endif
