/* SPDX-License-Identifier: MIT */
/*
 * launch.h - from an argument vector to a running QEMU: the process, and the descriptors
 * that it inherits.
 */
#ifndef MAQET_QEMU_LAUNCH_H
#define MAQET_QEMU_LAUNCH_H

#include <sys/types.h>

#include "core/base/error.h"
#include "core/qemu/confinement.h"
#include "core/qemu/descriptors.h"

struct maqet_launch {
    const char *const *argv;
    /* What it inherits; among it the run file, locked, into which it writes its PID. */
    struct maqet_descriptors *descriptors;
    int log_fd;         /* where its errors go; -1: it keeps our terminal */
    bool dies_with_us;  /* it is killed when we die */
    const char *folder; /* it works there, for relative paths in its arguments; or NULL */
    const char *scratch; /* for its temporary files; NULL: as the environment says */
    const struct maqet_confinement *confinement; /* NULL: none */
    bool no_new_privileges; /* (prctl(2)); a confined one has none anyway */
};

struct maqet_process {
    pid_t pid;
    int pidfd; /* readable when the process has ended */
};

/* Where QEMU's program is, by its name or path. The caller frees; NULL: there is none. */
char *maqet_launch_find(const char *program, struct maqet_error **err);

/* Runs QEMU. On success the process is the caller's: to wait for, or to leave behind;
 * after a failure there is none, and its PID is no PID. */
int maqet_launch(const struct maqet_launch *launch, struct maqet_process *process,
                 struct maqet_error **err);

/* QEMU's words as one line: without its own name and empty lines. The caller frees. */
char *maqet_launch_words(const char *words);

/*
 * Makes the error for a QEMU that ended (with the status of wait(2)) before it answered:
 * its own words, @words, with what they mean where we know better.
 */
int maqet_launch_error(int status, const char *words, struct maqet_error **err);

#endif
