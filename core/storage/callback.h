/* SPDX-License-Identifier: MIT */
/*
 * callback.h - the callbacks of a drive's plugins, each called by one function. It holds
 * the time limit that maqet-plugin.h promises, what holds where the plugin has no such
 * callback, and what an answer must be. Nobody else calls a plugin, but for the kit, which
 * tries plugins as they are.
 *
 * Each returns 0, or -1 with an error. A callback that fails without a word gets one; and
 * an error that it has set is a failure, whatever it returned.
 */
#ifndef MAQET_STORAGE_CALLBACK_H
#define MAQET_STORAGE_CALLBACK_H

#include "core/plugin/call.h"
#include "core/storage/drive.h"

/* What a callback has come to: 0, or -1 with an error. */
int maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                      const char *callback, int result, struct maqet_error **err);

/* The same for one that appends objects, or actions: what it has appended must be what
 * QEMU can be told. */
int maqet_drive_judge_args(const struct maqet_drive *drive, const char *plugin,
                           const char *callback, const struct maqet_args *args,
                           int result, struct maqet_error **err);
int maqet_drive_judge_actions(const struct maqet_drive *drive,
                              const struct maqet_actions *actions, const char *callback,
                              int result, struct maqet_error **err);

/* Shows that a program runs for a drive which does not tell how far it is: a
 * maqet_call_sign. */
void maqet_drive_sign(const void *drive, const char *const *argv, int64_t elapsed);

/* ---- the storage's ---- */

/* Without a callback there is nothing to complain of. */
int maqet_storage_validate(const struct maqet_drive *drive, struct maqet_error **err);

/* Bytes. The loader refuses a plugin that needs this and has none. */
int maqet_storage_space(const struct maqet_drive *drive, uint64_t *at_once,
                        uint64_t *at_most, struct maqet_error **err);

/* @path is NULL for what is made elsewhere. MAQET_ERROR_UNSUPPORTED: it makes nothing. */
int maqet_storage_create(const struct maqet_drive *drive, const char *path,
                         struct maqet_error **err);

/* Without a callback nothing is reported. */
int maqet_storage_inspect(const struct maqet_drive *drive, int fd,
                          struct maqet_image *image, struct maqet_error **err);

/* Without a callback there are none. */
int maqet_storage_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
                          struct maqet_error **err);

/* *command: what the plugin describes, the caller's; NULL: it needs no program. */
int maqet_storage_helper(const struct maqet_drive *drive, struct maqet_command **command,
                         struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: it has one size for ever, or as long as QEMU runs. */
int maqet_storage_resize(const struct maqet_drive *drive, uint64_t bytes,
                         struct maqet_error **err);
int maqet_storage_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                              struct maqet_actions *actions, struct maqet_error **err);

int maqet_storage_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                            struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: it can't be checked. */
int maqet_storage_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
                        struct maqet_check_report *report, struct maqet_error **err);

/* ---- those of its snapshot table: the drive has one ---- */

int maqet_storage_snapshot_create(const struct maqet_drive *drive, const char *name,
                                  struct maqet_error **err);
int maqet_storage_snapshot_load(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot,
                                struct maqet_error **err);
int maqet_storage_snapshot_remove(const struct maqet_drive *drive,
                                  const struct maqet_snapshot *snapshot,
                                  struct maqet_error **err);
int maqet_storage_snapshot_list(const struct maqet_drive *drive, int fd,
                                struct maqet_snapshots *snapshots,
                                struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: not while the machine runs. */
int maqet_storage_live_create(const struct maqet_drive *drive, const char *name,
                              struct maqet_actions *actions, struct maqet_error **err);
int maqet_storage_live_remove(const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot,
                              struct maqet_actions *actions, struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: it can't. */
int maqet_storage_snapshot_rename(const struct maqet_drive *drive, int fd,
                                  const struct maqet_snapshot *snapshot, const char *name,
                                  struct maqet_error **err);

/* Without a callback there is nothing to be repaired. */
int maqet_storage_snapshot_repair(const struct maqet_drive *drive,
                                  struct maqet_error **err);

/* For both the caller has made sure that the table has them. */
int maqet_storage_snapshot_write_out(const struct maqet_drive *drive,
                                     const struct maqet_snapshot *snapshot,
                                     const char *path, const char *format, bool compress,
                                     struct maqet_error **err);
int maqet_storage_snapshot_write_decrypted(const struct maqet_drive *drive,
                                           const struct maqet_snapshot *snapshot,
                                           const char *path, const char *format,
                                           bool compress, struct maqet_error **err);

/* The command that serves, the caller's; NULL on error, MAQET_ERROR_UNSUPPORTED: it can't.
 */
struct maqet_command *maqet_storage_snapshot_serve(const struct maqet_drive *drive,
                                                   const struct maqet_snapshot *snapshot,
                                                   const char *socket,
                                                   struct maqet_error **err);

/* Without a callback each image can keep one. */
int maqet_storage_snapshot_can_create(const struct maqet_drive *drive, int fd,
                                      struct maqet_error **err);

/* ---- the interface's: the drive has one ---- */

/* Without a callback, or an interface, there is nothing to complain of. */
int maqet_iface_validate(const struct maqet_drive *drive, struct maqet_error **err);
int maqet_iface_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
                         struct maqet_error **err);
int maqet_iface_emit_controller(const struct maqet_drive *drive, const char *id,
                                struct maqet_args *args, struct maqet_error **err);
int maqet_iface_emit_device(const struct maqet_drive *drive,
                            const struct maqet_slot *slot, struct maqet_args *args,
                            struct maqet_error **err);

#endif
