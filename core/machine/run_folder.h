/* SPDX-License-Identifier: MIT */
/*
 * run_folder.h - whether a machine runs, which process its QEMU is, and where its run
 * folder is. A machine is known by the file DATA/vms/NAME/run, which its QEMU has open
 * and locked until it dies: not by its name, which a machine of another data folder may
 * have, nor by its UUID, which one in a copy of the data folder has.
 *
 * Its folder is RUNTIME/NAME; where that belongs to another machine of the same name,
 * RUNTIME/NAME@2, and so on. Whose a folder is tells its file `owner`.
 */
#ifndef MAQET_MACHINE_RUN_FOLDER_H
#define MAQET_MACHINE_RUN_FOLDER_H

#include "core/base/context.h"
#include "core/base/error.h"

/* What there is of a machine that runs, or could. */
struct maqet_run {
    char *folder; /* the path of its run folder, whether that is there or not */
    int dir_fd;   /* the folder; -1: it is not there */
    int run_fd;   /* the file whose lock QEMU holds; -1: it was never started */
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

/* Looks, and makes nothing. @deadline is on the clock of maqet_now(): by then the PID of
 * one that is just being started must have been written. */
int maqet_run_look(const struct maqet_context *context, const char *name,
                   int64_t deadline, struct maqet_run *run, struct maqet_error **err);
/* The same for one of many; @vms_fd: maqet_store_open(). */
int maqet_run_look_at(const struct maqet_context *context, int vms_fd, const char *name,
                      int64_t deadline, struct maqet_run *run, struct maqet_error **err);

/* The same for whoever is going to work at the machine: the folder of one that does not
 * run, and its run file, are made where they are missing. */
int maqet_run_open(const struct maqet_context *context, const char *name,
                   struct maqet_run *run, struct maqet_error **err);

/* Whether the monitor's socket is in the folder. */
bool maqet_run_has_monitor(const struct maqet_run *run);

/* Where the folder is, or would be; nothing is made. The caller frees. */
char *maqet_run_folder(const struct maqet_context *context, const char *name);

/* Notes where the folder of a machine is that is about to run, so that every maqet finds
 * it there, with whatever runtime folder. The machine's lock is held. */
int maqet_run_note_folder(const struct maqet_context *context, const char *name,
                          const struct maqet_run *run, struct maqet_error **err);

/* An error (MAQET_ERROR_STATE) where it runs and can't be reached. */
int maqet_run_check_reachable(const struct maqet_run *run, const char *name,
                              struct maqet_error **err);

/* "(PID 12)", and what is lost of it; of a running machine. The caller frees. */
char *maqet_run_text(const struct maqet_run *run);

#endif
