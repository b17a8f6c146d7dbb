/* SPDX-License-Identifier: MIT */
/*
 * run.h - what runs: the file DATA/vms/NAME/run, whose lock QEMU holds until it dies; and
 * in the run folder the monitor's socket, QEMU's PID file and its log, and the file `owner`,
 * which tells whose it is. Where that folder is: run_folder.h.
 */
#ifndef MAQET_MACHINE_RUN_H
#define MAQET_MACHINE_RUN_H

#include "core/base/context.h"
#include "core/base/files.h"
#include "core/machine/run_folder.h"

/* The file in that folder which tells that somebody had QEMU killed; the next start
 * removes it. */
#define MAQET_RUN_FORCED "forced"

/* How long a QEMU that is told to end may take to flush its images, in ms; and one that a
 * person wants gone, or that does not answer. */
#define MAQET_END_TIMEOUT INT64_C(10000)
#define MAQET_FLUSH_TIMEOUT INT64_C(3000)

/* The names of the monitor's socket and lock in the folder. */
#define MAQET_RUN_MONITOR "qmp.sock"
#define MAQET_RUN_MONITOR_LOCK "qmp.lock"

/* The folder of QEMU's own in it, and its PID file there, which it removes when it ends
 * in order; the file that lists what QEMU may open; and the link to its temporary folder.
 */
#define MAQET_RUN_OWN "qemu"
#define MAQET_RUN_PID MAQET_RUN_OWN "/pid"
#define MAQET_RUN_RULES "rules"
#define MAQET_RUN_SCRATCH "scratch"

/* ms between the moment in which a start takes the lock and that in which its child has
 * written the PID. */
#define MAQET_RUN_FORK_TIMEOUT INT64_C(2000)

/* The PID that the run file names while its lock is held; 0: nobody runs. The caller gets
 * a pidfd in *pidfd, which is that of the holder for sure, and of no other process that
 * happens to have the PID. @deadline is on the clock of maqet_now(): by then the PID of
 * one that is just being started must have been written. */
int maqet_run_holder(int run_fd, int *pidfd, int64_t deadline, struct maqet_error **err);

/* The name of the machine, of whatever data folder, whose QEMU a process of this user's
 * is; *data_dir gets that folder. NULL: it is none. The caller frees both. */
char *maqet_run_machine_of(int pid, char **data_dir);

/* A machine, and the run file that it is known by. */
struct maqet_run_machine {
    const struct maqet_context *context;
    const char *name;
    bool has_run_file;
    struct maqet_file_id run_file;
};

/* @run_fd may be -1: it has no run file. */
struct maqet_run_machine maqet_run_machine_new(const struct maqet_context *context,
                                               const char *name, int run_fd);

enum maqet_claim {
    MAQET_CLAIM_NONE, /* nobody's, or of a machine that is no more */
    MAQET_CLAIM_OURS,
    MAQET_CLAIM_OTHER, /* of another machine, or one may still run there */
};

/* Whose a folder is, which is there. */
enum maqet_claim maqet_run_claim(const struct maqet_run_machine *machine,
                                 const char *folder);

/* The same for a folder without that file: of an earlier maqet, which knew machines by
 * their names. The UUID of what was started there tells. */
enum maqet_claim maqet_run_claim_of_earlier(const struct maqet_run_machine *machine,
                                            const char *folder);

/* Makes a folder the machine's. */
int maqet_run_claim_write(const struct maqet_run_machine *machine, const char *folder,
                          struct maqet_error **err);

/* Whether a folder has been made somebody's. */
bool maqet_run_claim_is_written(const char *folder);

/* The socket of the server of one drive, for a guest whose changes are thrown away; the
 * caller frees. And what servers have left that were killed with their maqet. */
char *maqet_run_server_socket(const char *folder, size_t index);
void maqet_run_remove_servers(const char *folder);

/* What QEMU said last, from its log; "" when there is none. The caller frees. */
char *maqet_run_last_words(int log_fd);

/* Ends a QEMU that must not go on: first so that it can flush its images, for @flush ms,
 * and then for sure. */
void maqet_qemu_end(int pidfd, int64_t flush);

/* Removes the folder of QEMU's temporary files, which it has open by the time it answers.
 */
void maqet_run_remove_scratch(int dir_fd);

/* Removes from the folder what a QEMU that has ended leaves there, and ends what ran
 * beside it. Nothing of it is in use by a machine that starts: the caller has its lock.
 */
void maqet_run_tidy(int dir_fd);

/* The same, but one that has crashed is still known to have. */
void maqet_run_sweep(int dir_fd);

#endif
