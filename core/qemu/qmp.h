/* SPDX-License-Identifier: MIT */
/*
 * qmp.h - a client of the QEMU Machine Protocol (QEMU: docs/interop/qmp-spec), which
 * serves one client at a time, so connections are kept short; and QEMU's version.
 *
 * Timeouts are in ms for the whole call; a negative one is no limit. Errors of all calls:
 * MAQET_ERROR_STATE when QEMU has ended, MAQET_ERROR_TIMEOUT, MAQET_ERROR_FAILED.
 */
#ifndef MAQET_QEMU_QMP_H
#define MAQET_QEMU_QMP_H

#include "core/base/error.h"

struct maqet_qmp;

/* ms that QEMU has to answer a question, unless the user said otherwise. */
#define MAQET_QMP_ANSWER_TIMEOUT INT64_C(10000)

/*
 * Connects to the socket @name in the folder @dir_fd (so that its path may be of any
 * length), and refuses a QEMU older than 6.2. @vm: whose name errors tell when QEMU does
 * not answer in time, now or later (core/qemu/silence.h); NULL: none. @gone: a descriptor
 * that becomes readable when QEMU has ended (a pidfd), or -1. It stays the caller's, and
 * must outlive the connection.
 */
struct maqet_qmp *maqet_qmp_open(int dir_fd, const char *name, const char *vm,
                                 int64_t timeout, int gone, struct maqet_error **err);

/* Has errors in which QEMU says "Permission denied" end with a hint (taken; NULL: none). */
void maqet_qmp_explain_denials(struct maqet_qmp *qmp, char *hint);

/* Closes the connection, if there is one, and leaves NULL behind. */
void maqet_qmp_cleanup(struct maqet_qmp **qmp);

#define _cleanup_qmp_ _cleanup_(maqet_qmp_cleanup)

/*
 * Runs a command. @arguments (taken; may be NULL) is an object. Returns what QEMU returned
 * (the caller puts it; an empty answer is an empty object), or NULL and an error in QEMU's
 * own words: MAQET_ERROR_UNSUPPORTED for a command that it doesn't know,
 * MAQET_ERROR_MISSING for a device. Events that arrive meanwhile are kept.
 */
json_object *maqet_qmp_execute(struct maqet_qmp *qmp, const char *command,
                               json_object *arguments, int64_t timeout,
                               struct maqet_error **err);

/* The same for a command whose answer says nothing. QEMU gets a copy of the descriptor @fd
 * (`getfd`, `add-fd`); -1: none. */
int maqet_qmp_tell(struct maqet_qmp *qmp, const char *command, json_object *arguments,
                   int fd, int64_t timeout, struct maqet_error **err);

/* The next event of that name (NULL: of any name), kept or arriving in time, with its
 * "event", "data" and "timestamp"; the caller puts it. The last 256 events are kept. */
json_object *maqet_qmp_event(struct maqet_qmp *qmp, const char *name, int64_t timeout,
                             struct maqet_error **err);

/* QEMU's version as one number, 70200 for 7.2.0, and as text ("7.2.22 (Debian ...)"). */
int maqet_qmp_version(const struct maqet_qmp *qmp);
const char *maqet_qmp_version_text(const struct maqet_qmp *qmp);

/* The same where no monitor can be asked: runs `PROGRAM --version`, which takes longer
 * than most of what maqet does. The third part of the version is 0. 0: it doesn't say. */
int maqet_qemu_version(const char *program);

/* MAQET_ERROR_UNSUPPORTED: the program says that it is older than maqet works with. */
int maqet_qemu_check_version(const char *program, struct maqet_error **err);

#endif
