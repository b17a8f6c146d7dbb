/* SPDX-License-Identifier: MIT */
/*
 * events.h - what has happened to a machine: a log in its folder, one line of JSON for each
 * event. QEMU's events (QEMU: qapi/) have its names in capitals; they are recorded by
 * the console's keeper (keeper.h), which has a monitor of its own for that. Others are
 * maqet's own.
 */
#ifndef MAQET_MACHINE_EVENTS_H
#define MAQET_MACHINE_EVENTS_H

#include "core/base/context.h"
#include "core/base/logfile.h"

/* The log, in the machine's folder, and the bytes of each of its two files. */
#define MAQET_EVENTS_LOG "events"
#define MAQET_EVENTS_LOG_LIMIT (UINT64_C(1) << 20)

struct maqet_event {
    char *time; /* "2026-11-29T01:20:00.123456Z" */
    char *event;
    struct maqet_strings details; /* "device=hdd" */
};

void maqet_event_clear(struct maqet_event *event);

#define _cleanup_event_ _cleanup_(maqet_event_clear)

/* An event now; @detail may be NULL. */
void maqet_event_now(const char *name, const char *detail, struct maqet_event *event);

/* An event that QEMU has sent; false: the message is none. */
bool maqet_event_of_qemu(json_object *message, struct maqet_event *event);

/* Appends an event to the log. A failure is ignored: nothing depends on it. */
void maqet_event_write(struct maqet_logfile *log, const struct maqet_event *event);

/* Reads a line of the log; false: it is damaged. */
bool maqet_event_read(const char *line, struct maqet_event *event);

/* Only one process may replace the log's file when it is full: the one that has claimed the
 * machine's folder with this descriptor, or a copy of it. False: another has. */
bool maqet_events_claim(int folder_fd);
void maqet_events_release(int folder_fd);

/* Appends one of maqet's own to the log of a machine, whose lock is held. */
void maqet_event_note(const struct maqet_context *context, const char *name,
                      const char *event, const char *detail);

#endif
