/* SPDX-License-Identifier: MIT */
/*
 * launch.h - starts QEMU: the process, and the descriptors that it inherits.
 */
#ifndef MAQET_QEMU_LAUNCH_H
#define MAQET_QEMU_LAUNCH_H

#include <sys/types.h>

#include "core/base/error.h"
#include "core/qemu/confinement.h"

/*
 * The descriptors that QEMU inherits besides its standard streams. Those that the command
 * line refers to have fixed numbers, since command lines are shown and compared without
 * opening any: the listening sockets of the monitor and of the guest agent; the run file,
 * whose lock means that QEMU runs, and by which other maqets find it; the file of the
 * monitor's socket (O_PATH), in case its folder is lost; the host's end of the guest's
 * network; and the other end of its serial port, which is the console's keeper's.
 */
#define MAQET_DESCRIPTOR_MONITOR "monitor"
#define MAQET_DESCRIPTOR_RUN "run"
#define MAQET_DESCRIPTOR_AGENT "agent"
#define MAQET_DESCRIPTOR_MONITOR_FILE "monitor-file"
#define MAQET_DESCRIPTOR_NETWORK "network"
#define MAQET_DESCRIPTOR_CONSOLE "console"
#define MAQET_DESCRIPTOR_EVENTS "events"

struct maqet_descriptor {
    const char *name; /* not copied */
    int number;       /* in QEMU */
    int fd;           /* in maqet; the caller's */
};

struct maqet_descriptors {
    struct maqet_descriptor *rows;
    size_t count;
};

/* The fixed number of a descriptor; -1: it has none. */
int maqet_descriptor_number(const char *name);

/* Its path below /proc/PID, where @pid is QEMU. The caller frees. */
char *maqet_descriptor_path(int pid, const char *name);

/* Adds a descriptor, unless it is -1. Names without a fixed number get the next free one,
 * and may be used several times. */
void maqet_descriptors_add(struct maqet_descriptors *descriptors, const char *name,
                           int fd);
void maqet_descriptors_clear(struct maqet_descriptors *descriptors);

#define _cleanup_descriptors_ _cleanup_(maqet_descriptors_clear)

/* ---- the process ---- */

struct maqet_launch {
    const char *const *argv;
    /* These include the run file, locked, to which QEMU's PID is written. */
    struct maqet_descriptors *descriptors;
    int log_fd;          /* for its standard error; -1: it keeps our terminal */
    bool dies_with_us;   /* it is killed when we die */
    const char *folder;  /* its current folder, for relative paths; or NULL */
    const char *scratch; /* for its temporary files; NULL: as the environment says */
    const struct maqet_confinement *confinement; /* NULL: none */
    bool no_new_privileges; /* (prctl(2)); implied by the confinement */
};

struct maqet_process {
    pid_t pid;
    int pidfd; /* readable when the process has ended */
};

/* The path of QEMU's program, given its name or path. The caller frees; NULL on error. */
char *maqet_launch_find(const char *program, struct maqet_error **err);

/* Runs QEMU. The caller may wait for the process, or leave it. After a failure there is no
 * process, and the PID is -1. */
int maqet_launch(const struct maqet_launch *launch, struct maqet_process *process,
                 struct maqet_error **err);

/* QEMU's messages as one line, without its name and empty lines. The caller frees. */
char *maqet_launch_words(const char *words);

/* The error for a QEMU that ended (with a status of wait(2)) before it answered: its own
 * messages @words, with hints for those that maqet knows. Returns -1. */
int maqet_launch_error(int status, const char *words, struct maqet_error **err);

#endif
