/* SPDX-License-Identifier: MIT */
/*
 * qmp.h - a client of the QEMU Machine Protocol (QEMU: docs/interop/qmp-spec), which
 * serves one client at a time, so connections are kept short.
 *
 * Timeouts are in ms for the whole call; a negative one is no limit. Errors of all calls:
 * MAQET_ERROR_STATE: QEMU has ended; MAQET_ERROR_TIMEOUT; MAQET_ERROR_FAILED.
 */
#ifndef MAQET_QEMU_QMP_H
#define MAQET_QEMU_QMP_H

#include "core/qemu/channel.h"

struct maqet_qmp {
    int version;        /* 70200 for 7.2.0 */
    char *version_text; /* "7.2.22 (Debian ...)" */
    char *vm;           /* for errors; NULL: they name no VM */
    char *denial_hint;  /* for errors that say "Permission denied"; NULL: none */
    struct maqet_channel channel;
    json_object *events; /* that were not asked for yet, the oldest first */
    int64_t last_id;
    int64_t
        probe; /* the id of a question that shows whether a command is lost; 0: none */
};

/* ms for the answer to a question, unless the user sets another limit. */
#define MAQET_QMP_ANSWER_TIMEOUT INT64_C(10000)

/*
 * Connects to the socket @name in the folder @dir_fd, whose path may have any length.
 * Refuses a QEMU older than 6.2. @vm is named in errors if QEMU does not answer in time,
 * now or later (core/qemu/silence.h); NULL: it is not. @gone: a descriptor that becomes
 * readable when QEMU has ended (a pidfd), or -1; it stays the caller's, and must outlive
 * the connection.
 */
struct maqet_qmp *maqet_qmp_open(int dir_fd, const char *name, const char *vm,
                                 int64_t timeout, int gone, struct maqet_error **err);

/* The arguments of the command "qmp_capabilities" after a monitor's greeting, for clients of
 * their own kind. The caller puts them. */
json_object *maqet_qmp_capabilities(json_object *greeting);

/* Closes the connection, if there is one, and sets it to NULL. */
void maqet_qmp_cleanup(struct maqet_qmp **qmp);

#define _cleanup_qmp_ _cleanup_(maqet_qmp_cleanup)

/*
 * Runs a command. @arguments (taken; may be NULL) is an object. Returns what QEMU returned
 * (the caller puts it; an empty answer is an empty object), or NULL and an error in QEMU's
 * own words: MAQET_ERROR_UNSUPPORTED: it does not know the command; MAQET_ERROR_MISSING:
 * there is no such device. Events that arrive meanwhile are kept.
 */
json_object *maqet_qmp_execute(struct maqet_qmp *qmp, const char *command,
                               json_object *arguments, int64_t timeout,
                               struct maqet_error **err);

/* The same, and QEMU gets a copy of the descriptor @fd (`add-fd`). */
json_object *maqet_qmp_pass(struct maqet_qmp *qmp, const char *command,
                            json_object *arguments, int fd, int64_t timeout,
                            struct maqet_error **err);

/* The same for a command that returns nothing. QEMU gets a copy of the descriptor @fd
 * (`getfd`); -1: none. */
int maqet_qmp_tell(struct maqet_qmp *qmp, const char *command, json_object *arguments,
                   int fd, int64_t timeout, struct maqet_error **err);

/* The same in two parts, for a command without arguments, so that several QEMUs work on it at the
 * same time. No other command may be run in between. */
int maqet_qmp_begin(struct maqet_qmp *qmp, const char *command, int64_t timeout,
                    struct maqet_error **err);
int maqet_qmp_end(struct maqet_qmp *qmp, const char *command, int64_t timeout,
                  struct maqet_error **err);

/* The next event of that name (NULL: any), whether it was kept or arrives in time, with its
 * "event", "data" and "timestamp"; the caller puts it. The last 256 events are kept. */
json_object *maqet_qmp_event(struct maqet_qmp *qmp, const char *name, int64_t timeout,
                             struct maqet_error **err);

#endif
