/* SPDX-License-Identifier: MIT */
/*
 * callback.h - calls of the callbacks of a drive's plugins, with the time limit that
 * maqet-plugin.h promises and with checked results. Only the conformance kit calls
 * plugins in another way.
 *
 * Each call returns 0, or -1 with an error. A callback that fails without an error gets
 * one, and one that sets an error has failed, whatever it returns.
 */
#ifndef MAQET_STORAGE_CALLBACK_H
#define MAQET_STORAGE_CALLBACK_H

#include "core/plugin/call.h"
#include "core/storage/drive.h"

/* Call a callback, which the plugin must have, of the drive's storage, of its snapshot
 * table, or of its interface: with the drive, the further arguments, and @err. @limit is
 * in ms. */
#define MAQET_STORAGE_CALL(err, drive, limit, callback, ...)                             \
    MAQET_DRIVE_CALL(err, drive, limit, false, "", (drive)->storage->plugin.name,        \
                     (drive)->storage->plugin, callback, ##__VA_ARGS__)
#define MAQET_SNAPSHOT_CALL(err, drive, limit, callback, ...)                            \
    MAQET_DRIVE_CALL(err, drive, limit, false, "snapshot.",                              \
                     (drive)->storage->plugin.name, (drive)->storage->snapshot,          \
                     callback, ##__VA_ARGS__)
#define MAQET_OVERLAY_CALL(err, view, limit, callback, ...)                              \
    MAQET_DRIVE_CALL(err, view, limit, false, "overlay.", (view)->storage->plugin.name,  \
                     (view)->storage->overlay, callback, ##__VA_ARGS__)
#define MAQET_IFACE_CALL(err, drive, limit, callback, ...)                               \
    MAQET_DRIVE_CALL(err, drive, limit, true, "", (drive)->iface->plugin.name,           \
                     (drive)->iface->plugin, callback, ##__VA_ARGS__)
#define MAQET_DRIVE_CALL(err, drive, limit, of_interface, prefix, name, table, callback, \
                         ...)                                                            \
    ({                                                                                   \
        int result_ = -1;                                                                \
        void *handle_ = NULL;                                                            \
        if ((of_interface) || maqet_drive_open(drive, limit, &handle_, err) == 0) {      \
            MAQET_CALL(limit);                                                           \
            maqet_drive_call_concerns(drive, of_interface, prefix #callback);            \
            maqet_call_current()->handle = handle_;                                      \
            result_ =                                                                    \
                maqet_drive_judge(drive, name, #callback,                                \
                                  (table).callback(drive, ##__VA_ARGS__, err), err);     \
        }                                                                                \
        result_;                                                                         \
    })

/* Before a callback with this limit: has the storage's plugin open what its callbacks
 * share, unless that is done already or they are quick. *handle gets it. */
int maqet_drive_open(const struct maqet_drive *drive, int64_t limit, void **handle,
                     struct maqet_error **err);

/* Sets the drive and the callback that the current call is about, and passes them to
 * context->calling. */
void maqet_drive_call_concerns(const struct maqet_drive *drive, bool of_interface,
                               const char *callback);

/* The result of a callback: 0, or -1 with an error. */
int maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                      const char *callback, int result, struct maqet_error **err);

/* The same for a callback that appends objects or actions, which must be valid for QEMU.
 */
int maqet_drive_judge_args(const struct maqet_drive *drive, const char *plugin,
                           const char *callback, const struct maqet_args *args,
                           int result, struct maqet_error **err);

/* The same for a command that a callback of the storage returned, to run beside us. */
int maqet_drive_judge_command(const struct maqet_drive *drive, const char *callback,
                              const struct maqet_command *command,
                              struct maqet_error **err);

/* The error for a plugin that lacks a callback. @what is what the type cannot do. Returns
 * -1. */
int maqet_drive_error_unsupported(const struct maqet_drive *drive, const char *what,
                                  struct maqet_error **err);

/* ---- callbacks with several callers ---- */

/* In bytes. The loader refuses a plugin that needs this callback and lacks it. */
int maqet_storage_space(const struct maqet_drive *drive, uint64_t *at_once,
                        uint64_t *at_most, struct maqet_error **err);

/* @path is NULL for storage that is not a file. MAQET_ERROR_UNSUPPORTED: it creates no
 * images. */
int maqet_storage_create(const struct maqet_drive *drive, const char *path,
                         struct maqet_error **err);

/* Sets *command to the helper that the plugin, which has this callback, describes; NULL:
 * it needs none. The caller frees. */
int maqet_storage_helper(const struct maqet_drive *drive, struct maqet_command **command,
                         struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: its size is fixed, or fixed while QEMU runs. */
int maqet_storage_resize(const struct maqet_drive *drive, uint64_t bytes,
                         struct maqet_error **err);
int maqet_storage_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                              struct maqet_actions *actions, struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: not while QEMU runs. The drive has a snapshot table. */
int maqet_storage_live_create(const struct maqet_drive *drive, const char *name,
                              struct maqet_actions *actions, struct maqet_error **err);
int maqet_storage_live_remove(const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot,
                              struct maqet_actions *actions, struct maqet_error **err);

#endif
