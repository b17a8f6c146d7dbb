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

/*
 * A program that runs beside QEMU and ends with it: QEMU's process starts it before it
 * becomes QEMU, so that it is QEMU's child, and the kernel sends it SIGTERM when QEMU
 * ends, however that happens. It finds its listening socket as descriptor
 * MAQET_HELPER_FD. Before it becomes that program it writes a line to the record
 * of such programs: its PID, and when it was started (proc(5), field 22 of stat), by
 * which it is known again.
 */
struct maqet_launch_helper {
    const char *drive; /* whose it is, for errors */
    const char *path;  /* the program */
    const char *const *argv;
    char *const *environment; /* with @listen_pid in it */
    char *listen_pid;         /* "LISTEN_PID=" and room for a number */
    int socket_fd;
};

/* Bytes of @listen_pid. */
enum { MAQET_LISTEN_PID_SIZE = sizeof("LISTEN_PID=") + 12 };

struct maqet_launch {
    const char *const *argv;
    /* What it inherits. The run file is among it, locked; the child writes its PID into
     * it. */
    struct maqet_descriptors *descriptors;
    int log_fd;        /* where its errors go; -1: it keeps our terminal */
    bool dies_with_us; /* it is killed when we die */
    const char
        *folder; /* where it works, for relative paths in its arguments; may be NULL */
    const struct maqet_launch_helper *helpers;
    size_t helper_count;
    int record_fd; /* open for appending; not used without helpers */
    const struct maqet_confinement *confinement; /* NULL: none */
    bool no_new_privileges; /* nor what it runs (prctl(2)); a confined one has none anyway
                             */
    const char
        *scratch; /* the folder for its temporary files; NULL: as the environment says */
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
