/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - the descriptors that QEMU inherits besides its standard streams: a row
 * for each, with a name, ours, and the number under which QEMU finds it. One that the
 * command line names has a fixed number, since command lines are shown and compared
 * without any descriptor being open.
 */
#ifndef MAQET_QEMU_DESCRIPTORS_H
#define MAQET_QEMU_DESCRIPTORS_H

#include <stddef.h>

/* Those with fixed numbers: the listening sockets of the monitor and the guest's agent;
 * the run file, whose lock tells that QEMU runs, and by whose number other maqets know
 * QEMU; and the file of the monitor's socket (O_PATH), for when its folder is lost. */
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

/* ---- between fork and exec: async-signal-safe; -1 and errno ---- */

/* A copy of a descriptor (closed on exec) above all numbers that QEMU finds something
 * under. */
int maqet_descriptors_move_away(const struct maqet_descriptors *descriptors, int fd);

/* Gives all of them their numbers, and closes what else is open, but for the standard
 * streams and @kept, which stands above all numbers. The rows are changed. */
int maqet_descriptors_place(struct maqet_descriptors *descriptors, int kept);

#endif
