/* SPDX-License-Identifier: MIT */
/*
 * callback.h - how the callbacks of a drive's plugins are called: within the time limit
 * that maqet-plugin.h promises, and with an answer that is one. Nobody else calls a plugin,
 * but for the kit, which tries plugins as they are.
 *
 * Each call returns 0, or -1 with an error. A callback that fails without a word gets one;
 * and an error that it has set is a failure, whatever it returned.
 */
#ifndef MAQET_STORAGE_CALLBACK_H
#define MAQET_STORAGE_CALLBACK_H

#include "core/plugin/call.h"
#include "core/storage/drive.h"

/* Calls a callback, which the plugin must have, with the drive, what stands behind the
 * callback's name, and @err: of the drive's storage, of its snapshot table, or of its
 * interface. @limit: ms. */
#define MAQET_STORAGE_CALL(err, drive, limit, callback, ...)                             \
    MAQET_DRIVE_CALL(err, drive, limit, false, "", (drive)->storage->plugin.name,        \
                     (drive)->storage->plugin, callback, ##__VA_ARGS__)
#define MAQET_SNAPSHOT_CALL(err, drive, limit, callback, ...)                            \
    MAQET_DRIVE_CALL(err, drive, limit, false, "snapshot.",                              \
                     (drive)->storage->plugin.name, (drive)->storage->snapshot,          \
                     callback, ##__VA_ARGS__)
#define MAQET_IFACE_CALL(err, drive, limit, callback, ...)                               \
    MAQET_DRIVE_CALL(err, drive, limit, true, "", (drive)->iface->plugin.name,           \
                     (drive)->iface->plugin, callback, ##__VA_ARGS__)
#define MAQET_DRIVE_CALL(err, drive, limit, of_interface, prefix, name, table, callback, \
                         ...)                                                            \
    ({                                                                                   \
        MAQET_CALL(limit);                                                               \
        maqet_drive_call_concerns(drive, of_interface, prefix #callback);                \
        maqet_drive_judge(drive, name, #callback,                                        \
                          (table).callback(drive, ##__VA_ARGS__, err), err);             \
    })

/* Says of the call that is under way which drive and which callback it is about, also to
 * context->calling. */
void maqet_drive_call_concerns(const struct maqet_drive *drive, bool of_interface,
                               const char *callback);

/* What a callback has come to: 0, or -1 with an error. */
int maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                      const char *callback, int result, struct maqet_error **err);

/* The same for one that appends objects, or actions: what it has appended must be what
 * QEMU can be told. */
int maqet_drive_judge_args(const struct maqet_drive *drive, const char *plugin,
                           const char *callback, const struct maqet_args *args,
                           int result, struct maqet_error **err);

/* The error for a plugin that lacks a callback; @what: what its type can't do. Returns
 * -1. */
int maqet_drive_error_unsupported(const struct maqet_drive *drive, const char *what,
                                  struct maqet_error **err);

/* ---- the callbacks that several call ---- */

/* Bytes. The loader refuses a plugin that needs this and has none. */
int maqet_storage_space(const struct maqet_drive *drive, uint64_t *at_once,
                        uint64_t *at_most, struct maqet_error **err);

/* @path is NULL for what is made elsewhere. MAQET_ERROR_UNSUPPORTED: it makes nothing. */
int maqet_storage_create(const struct maqet_drive *drive, const char *path,
                         struct maqet_error **err);

/* *command: what the plugin, which has a helper, describes; the caller's. NULL: it needs no
 * program. */
int maqet_storage_helper(const struct maqet_drive *drive, struct maqet_command **command,
                         struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: it has one size for ever, or as long as QEMU runs. */
int maqet_storage_resize(const struct maqet_drive *drive, uint64_t bytes,
                         struct maqet_error **err);
int maqet_storage_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                              struct maqet_actions *actions, struct maqet_error **err);

int maqet_storage_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                            struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: not while the machine runs. The drive has a snapshot table. */
int maqet_storage_live_create(const struct maqet_drive *drive, const char *name,
                              struct maqet_actions *actions, struct maqet_error **err);
int maqet_storage_live_remove(const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot,
                              struct maqet_actions *actions, struct maqet_error **err);

#endif
