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

/*
 * The descriptors that QEMU inherits besides its standard streams: a row for each, with a
 * name, ours, and the number under which QEMU finds it. One that the command line names has
 * a fixed number, since command lines are shown and compared without any being open.
 *
 * Those with fixed numbers: the listening sockets of the monitor and the guest's agent;
 * the run file, whose lock tells that QEMU runs, and by whose number other maqets know
 * QEMU; and the file of the monitor's socket (O_PATH), for when its folder is lost.
 */
#define MAQET_DESCRIPTOR_MONITOR "monitor"
#define MAQET_DESCRIPTOR_RUN "run"
#define MAQET_DESCRIPTOR_AGENT "agent"
#define MAQET_DESCRIPTOR_MONITOR_FILE "monitor-file"

struct maqet_descriptor {
    const char *name; /* not copied */
    int number;       /* with QEMU */
    int fd;           /* with us, and ours to close */
};

struct maqet_descriptors {
    struct maqet_descriptor *rows;
    size_t count;
};

/* The number of a descriptor that has a fixed one; -1: it has none. */
int maqet_descriptor_number(const char *name);

/* The path at which /proc shows it as a process has it that is QEMU. The caller frees. */
char *maqet_descriptor_path(int pid, const char *name);

/* Adds a row; a name without a fixed number gets the next free one, and may be given to
 * several. A descriptor that is not open (-1) adds none. */
void maqet_descriptors_add(struct maqet_descriptors *descriptors, const char *name,
                           int fd);
void maqet_descriptors_clear(struct maqet_descriptors *descriptors);

#define _cleanup_descriptors_ _cleanup_(maqet_descriptors_clear)

/* ---- the process ---- */

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
