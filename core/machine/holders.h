/* SPDX-License-Identifier: MIT */
/*
 * holders.h - which machines have an image open, and the error that names who uses it.
 */
#ifndef MAQET_MACHINE_HOLDERS_H
#define MAQET_MACHINE_HOLDERS_H

#include "core/machine/file_users.h"
#include "core/machine/vm.h"

/* maqet_file_users_find(), with the names of those that are machines, or that run beside
 * the QEMU of one. */
int maqet_holders_find(const struct maqet_context *context, const char *path,
                       struct maqet_file_users *users, struct maqet_error **err);

/* The same for a socket, by its inode. */
int maqet_holders_find_socket(const struct maqet_context *context, uint64_t inode,
                              struct maqet_file_users *users, struct maqet_error **err);

/* Whether the machine's QEMU, the process @pid, has the drive's image open, or the helper
 * by which it uses the image. */
bool maqet_holders_has_open(const struct maqet_vm *vm, const struct maqet_drive *drive,
                            int pid);

/* MAQET_ERROR_BUSY if somebody writes to another file that the options of a drive name,
 * whose image does not exist yet. */
int maqet_holders_check_named(const struct maqet_vm *vm, const struct maqet_drive *drive,
                              struct maqet_error **err);

/* Whether QEMU or qemu-img failed because another process has an image locked. */
bool maqet_holders_is_conflict(const struct maqet_error *error);

/* Replaces such an error by MAQET_ERROR_BUSY: the drive and image, who uses it, and what
 * to do. @drive is the one that was worked on; NULL: any, as in a start. The program that
 * failed must have ended. The new message begins with the machine's name, so this comes
 * after all wrapping. If the conflict is over, the error only gets a hint. Other errors
 * stay as they are. Returns -1. */
int maqet_holders_explain(const struct maqet_vm *vm, const struct maqet_drive *drive,
                          struct maqet_error **err);

/* MAQET_ERROR_BUSY for a file that somebody has locked: "@what is in use by ...". Returns
 * -1. */
int maqet_holders_error(const struct maqet_vm *vm, const char *what, const char *path,
                        struct maqet_error **err);

/* The same error if anybody has the drive's image locked, or, as far as its plugin can
 * tell, uses the drive. */
int maqet_holders_check(const struct maqet_vm *vm, const struct maqet_drive *drive,
                        struct maqet_error **err);

/* The same while the machine's QEMU runs: it, and what runs beside it, do not count, nor those who are not
 * visible. */
int maqet_holders_check_others(const struct maqet_vm *vm, const struct maqet_drive *drive,
                               struct maqet_error **err);

/* maqet_holders_check() for those who only read the image, or start a QEMU that looks for itself: those who let others
 * write meanwhile, such as the server of a snapshot, do not count. */
int maqet_holders_check_exclusive(const struct maqet_vm *vm,
                                  const struct maqet_drive *drive,
                                  struct maqet_error **err);

/* MAQET_ERROR_BUSY if anybody has the file locked that the guest would write to: the image, or the
 * topmost overlay. Others may stand on those below. */
int maqet_holders_check_top(const struct maqet_vm *vm, const struct maqet_drive *drive,
                            struct maqet_error **err);

/* Whether somebody, such as another machine, has the overlays of a drive open whose machine does not
 * run, although a command on them was interrupted: his QEMU knows what has become of it. *path (may be
 * NULL) gets that file, which the drive owns. */
bool maqet_holders_unsettled(const struct maqet_drive *drive, const char **path);

#endif
