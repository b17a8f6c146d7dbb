/* SPDX-License-Identifier: MIT */
/*
 * run.h - a machine that runs, or could: the file DATA/vms/NAME/run, whose lock QEMU
 * holds until it dies, and the run folder with the monitor's socket, QEMU's PID file and
 * its log. How that folder is found: run_folder.h.
 */
#ifndef MAQET_MACHINE_RUN_H
#define MAQET_MACHINE_RUN_H

#include "core/base/files.h"

/* Files in the run folder: the monitor's socket and lock; what QEMU may open; a link to
 * QEMU's temporary folder; and a mark, which the next start removes, that a person had
 * QEMU killed. */
#define MAQET_RUN_MONITOR "qmp.sock"
#define MAQET_RUN_MONITOR_LOCK "qmp.lock"
#define MAQET_RUN_RULES "rules"
#define MAQET_RUN_SCRATCH "scratch"
#define MAQET_RUN_FORCED "forced"

/* QEMU's own folder in it, and its PID file there, which it removes if it ends cleanly.
 */
#define MAQET_RUN_OWN "qemu"
#define MAQET_RUN_PID MAQET_RUN_OWN "/pid"
#define MAQET_RUN_LOG "qemu.log" /* what QEMU and the programs beside it print */

/* ms that a QEMU may take to flush its images, and to store its bitmaps, when it is told to end;
 * and one that does not answer. */
#define MAQET_END_TIMEOUT INT64_C(10000)
#define MAQET_FLUSH_TIMEOUT INT64_C(3000)

/* ms from the moment a start takes the lock until its child has written the PID. */
#define MAQET_RUN_FORK_TIMEOUT INT64_C(2000)

struct maqet_run {
    char *folder; /* the path of its run folder, whether that exists or not */
    int dir_fd;   /* the folder; -1: it does not exist */
    int run_fd;   /* the run file; -1: it was never started */
    int pidfd;    /* QEMU's; -1: it does not run */
    int pid;      /* 0: it does not run */
    bool lost;    /* it runs, but its folder, or the monitor's socket in it, is gone */
};

#define MAQET_RUN_INIT                                                                   \
    {                                                                                    \
        .dir_fd = -1, .run_fd = -1, .pidfd = -1                                          \
    }

void maqet_run_clear(struct maqet_run *run);

#define _cleanup_run_ _cleanup_(maqet_run_clear)

/* Whether the monitor's socket is in the folder. */
bool maqet_run_has_monitor(const struct maqet_run *run);

/* MAQET_ERROR_STATE if it runs and cannot be reached. */
int maqet_run_check_reachable(const struct maqet_run *run, const char *name,
                              struct maqet_error **err);

/* "(PID 12)", and what is lost, of a machine that runs. The caller frees. */
char *maqet_run_text(const struct maqet_run *run);

/* ---- the run file ---- */

/* The PID in the run file while its lock is held; 0: nothing runs. *pidfd gets a pidfd of
 * the process that holds the lock, never of another one that has the same PID. A process
 * that is just being started must have written its PID by @deadline (on the clock of
 * maqet_now()). */
int maqet_run_holder(int run_fd, int *pidfd, int64_t deadline, struct maqet_error **err);

/* The name of the machine, in any data folder, whose QEMU this process of the user's is;
 * *data_dir gets that folder. NULL: it is not a machine's QEMU. The caller frees both. */
char *maqet_run_machine_of(int pid, char **data_dir);

/* Opens the run file with this identity if a QEMU has it locked, and it is in no folder
 * any more. A descriptor, or -1. */
int maqet_run_open_deleted(const struct maqet_file_id *wanted);

/* ---- what is in the run folder ---- */

/* The socket of the server of one drive, for a guest whose changes are discarded; the
 * caller frees. And the removal of sockets whose servers were killed with their maqet. */
char *maqet_run_server_socket(const char *folder, size_t index);
void maqet_run_remove_servers(const char *folder);

/* The last lines of QEMU's log; "" if there are none. The caller frees. */
char *maqet_run_last_words(int log_fd);

/* Ends a QEMU that must not go on: with SIGTERM, so that it can flush its images for
 * @flush ms, and then with SIGKILL. */
void maqet_qemu_end(int pidfd, int64_t flush);

/* Removes the folder of QEMU's temporary files, which it has open when it answers. */
void maqet_run_remove_scratch(int dir_fd);

/* Removes what a QEMU that has ended leaves in the folder, and ends the programs that ran
 * beside it. The caller has the machine's lock. */
void maqet_run_tidy(int dir_fd);

/* The same, but a crash remains visible. */
void maqet_run_sweep(int dir_fd);

/* Removes files that killed commands have left there, even while QEMU runs. */
void maqet_run_sweep_files(int dir_fd);

/* Removes the run folder of a machine that does not run, and only files of maqet in it.
 * False and errno: something else is in it, or it cannot be removed. */
bool maqet_run_remove(const char *folder, int dir_fd);

#endif
