/* SPDX-License-Identifier: MIT */
/*
 * holders.h - which machines have an image open, and the error that says who is in the
 * way.
 */
#ifndef MAQET_MACHINE_HOLDERS_H
#define MAQET_MACHINE_HOLDERS_H

#include "core/machine/file_users.h"
#include "core/machine/vm.h"

/* As maqet_file_users_find(), with the names of those that are machines. */
int maqet_holders_find(const struct maqet_context *context, const char *path,
                       struct maqet_file_users *users, struct maqet_error **err);

/* Whether somebody writes to what a drive's options name besides its image, which is not
 * there yet: MAQET_ERROR_BUSY. */
int maqet_holders_check_named(const struct maqet_vm *vm, const struct maqet_drive *drive,
                              struct maqet_error **err);

/* Whether QEMU or qemu-img failed because another process has an image locked. */
bool maqet_holders_is_conflict(const struct maqet_error *error);

/*
 * Replaces such an error by MAQET_ERROR_BUSY: which drive and image of the machine it is
 * about, who has it, and what to do. @drive is the one that was worked on; NULL: it may
 * be any, as in a start. The program that failed must have ended. The new message begins
 * with the machine's name, so this comes after all wrapping. A conflict that is over by
 * now keeps its words and gets a hint; other errors stay as they are. Returns -1.
 */
int maqet_holders_explain(const struct maqet_vm *vm, const struct maqet_drive *drive,
                          struct maqet_error **err);

/* The error for a file that is locked by somebody: @what begins the sentence, "is in use
 * by ..." ends it. Returns -1. */
int maqet_holders_error(const struct maqet_vm *vm, const char *what, const char *path,
                        struct maqet_error **err);

/* Whether anybody has the drive's image locked, or uses what it is made of as far as its
 * plugin can tell, before it is worked on: the same error. */
int maqet_holders_check(const struct maqet_vm *vm, const struct maqet_drive *drive,
                        struct maqet_error **err);

#endif
