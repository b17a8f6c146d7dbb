/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the console keeper: a process of maqet's own beside QEMU, which writes what
 * comes out of the guest's serial port to a log in the machine's folder, and connects others
 * to the port. It also records QEMU's events (events.h). It is neither a child nor the parent
 * of QEMU, and ends with it. If it is killed, QEMU and the guest go on without a console.
 */
#ifndef MAQET_MACHINE_KEEPER_H
#define MAQET_MACHINE_KEEPER_H

#include "core/base/error.h"

/* The log, in the machine's folder, and the bytes of each of its two files. */
#define MAQET_CONSOLE_LOG "console.log"
#define MAQET_CONSOLE_LOG_LIMIT (UINT64_C(16) << 20)

/* The sockets in the run folder: of clients that get what the guest writes from now on,
 * preceded by its unfinished line, such as a prompt; and of those that get all that it has
 * written since QEMU was started. What clients write goes to the guest. */
#define MAQET_CONSOLE_SOCKET "console.sock"
#define MAQET_CONSOLE_START_SOCKET "console-start.sock"

/* ms; a disk that is busy may take seconds to create a log. */
#define MAQET_KEEPER_PATIENCE INT64_C(30000)

/* What it gets. Without a console, or without events, the descriptors for that are -1. */
struct maqet_keeper {
    int qemu_fd;    /* QEMU's end of the serial port's connection */
    int serial_fd;  /* the keeper's */
    int monitor_fd; /* QEMU's end of the connection to a monitor */
    int events_fd;  /* the keeper's */
    int now_fd, start_fd;
    int folder_fd;    /* the machine's */
    int run_fd;       /* the run folder */
    uint64_t limit;   /* MAQET_CONSOLE_LOG_LIMIT */
    int64_t patience; /* ms until it must work; MAQET_KEEPER_PATIENCE */
};

#define MAQET_KEEPER_INIT                                                                \
    {                                                                                    \
        .qemu_fd = -1, .serial_fd = -1, .monitor_fd = -1, .events_fd = -1, .now_fd = -1, \
        .start_fd = -1, .folder_fd = -1, .run_fd = -1, .limit = MAQET_CONSOLE_LOG_LIMIT, \
        .patience = MAQET_KEEPER_PATIENCE                                                \
    }

/* Opens the folders: the run folder @run_fd, and that of the machine. */
int maqet_keeper_prepare(int run_fd, const char *folder, struct maqet_keeper *keeper,
                         struct maqet_error **err);

/* Then creates the serial port's connection, and the sockets in the run folder. */
int maqet_keeper_add_console(struct maqet_keeper *keeper, struct maqet_error **err);

/* Likewise the connection to a monitor for its events. */
int maqet_keeper_add_events(struct maqet_keeper *keeper, struct maqet_error **err);

/* Starts the process beside the QEMU of the pidfd; nothing that the guest wrote before is
 * lost. @mark is the line in the log that marks the start, and @event the name of the event.
 * An error also if it does not work in time. */
int maqet_keeper_start(const struct maqet_keeper *keeper, int pidfd, const char *mark,
                       const char *event, struct maqet_error **err);
void maqet_keeper_clear(struct maqet_keeper *keeper);

#define _cleanup_keeper_ _cleanup_(maqet_keeper_clear)

/* Waits until the keeper of a QEMU that has ended has written everything to the log. */
void maqet_keeper_settle(int run_fd);

/* The same, and removes its sockets and its record from the run folder. */
void maqet_keeper_end(int run_fd);

/* Whether a keeper works there. */
bool maqet_keeper_works(int run_fd);

#endif
