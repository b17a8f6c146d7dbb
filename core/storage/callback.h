/* SPDX-License-Identifier: MIT */
/*
 * callback.h - how a plugin's callback that is about a drive is called: with a time
 * limit, with a log for what it runs, and with an error where it fails.
 */
#ifndef MAQET_STORAGE_CALLBACK_H
#define MAQET_STORAGE_CALLBACK_H

#include "core/plugin/call.h"
#include "core/storage/drive.h"

/* MAQET_CALL for a callback that is about a drive. */
#define MAQET_DRIVE_CALL(drive, limit)                                                   \
    MAQET_CALL(limit);                                                                   \
    maqet_drive_call(drive)

/* Says of the call that has begun that it is about this drive. */
void maqet_drive_call(const struct maqet_drive *drive);

/* Shows that a program runs for a drive which does not tell how far it is: a
 * maqet_call_sign. */
void maqet_drive_sign(const void *drive, const char *const *argv, int64_t elapsed);

/*
 * What a plugin's callback has come to: 0, or -1 with an error. A failure without a word
 * would leave nothing to show, so it gets one; and an error that was set is a failure,
 * whatever was returned with it.
 */
int maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                      const char *callback, int result, struct maqet_error **err);

/* The same for a storage's callback that appends actions: what it has appended must be
 * what QEMU can be told. */
int maqet_drive_judge_actions(const struct maqet_drive *drive,
                              const struct maqet_actions *actions, const char *callback,
                              int result, struct maqet_error **err);

#endif
