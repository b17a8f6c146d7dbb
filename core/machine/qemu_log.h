/* SPDX-License-Identifier: MIT */
/*
 * qemu_log.h - keeps the log short that QEMU, and the programs beside it, write by
 * themselves: a guest can make them complain as often as it likes.
 */
#ifndef MAQET_MACHINE_QEMU_LOG_H
#define MAQET_MACHINE_QEMU_LOG_H

struct maqet_qemu_log {
    int dir_fd; /* of the run folder */
    int fd;
    int watch; /* for poll(2): readable when something was written; -1: it is not watched */
};

#define MAQET_QEMU_LOG_INIT                                                              \
    (struct maqet_qemu_log)                                                              \
    {                                                                                    \
        -1, -1, -1                                                                       \
    }

/* Watches the log in a run folder, if there is one. */
void maqet_qemu_log_watch(int run_fd, struct maqet_qemu_log *log);

/* If the log has more than 4 MiB, moves the last of them to the file beside it that
 * maqet_logfile_open_reader() reads first, and drops what was in that. */
void maqet_qemu_log_shorten(const struct maqet_qemu_log *log);

void maqet_qemu_log_clear(struct maqet_qemu_log *log);

#endif
