/* SPDX-License-Identifier: MIT */
/*
 * check.h - damage in what a machine's drives are made of: nothing may write to it, and
 * what is only read is told of. It is looked for quickly before each use, and thoroughly
 * in a machine that does not run.
 */
#ifndef MAQET_MACHINE_CHECK_H
#define MAQET_MACHINE_CHECK_H

#include "core/machine/opened.h"
#include "core/storage/check.h"

/* Looks at a drive quickly, before it is used. Damage in an image that the guest writes
 * to is an error; other damage is a warning. QEMU does not run. */
int maqet_vm_check_drive(const struct maqet_vm *vm, const struct maqet_drive *drive,
                         struct maqet_error **err);

/* The same for all drives, but for images that the machine's own QEMU, if it runs, is
 * writing to: these are checked when it has ended. */
int maqet_vm_check_drives(const struct maqet_vm *vm, struct maqet_error **err);

/* What can be seen at once of one drive's damage, as sentences; @running: QEMU may be
 * writing its image, which is not looked at then. */
void maqet_vm_drive_damage(const struct maqet_drive *drive, bool running,
                           struct maqet_strings *damage);

/* Opens and locks a machine to check it; MAQET_ERROR_STATE if it is running. Its job may
 * be pending, since a damaged image may be what interrupted it. */
struct maqet_opened *maqet_check_open(const struct maqet_context *context,
                                      const char *name_or_uuid, struct maqet_error **err);

/* Checks a drive of a stopped machine thoroughly. MAQET_ERROR_BUSY: another program has an
 * image open that would be read or repaired. MAQET_ERROR_STATE: the image is not repaired
 * because it is the backing file of another one. */
int maqet_vm_check_thoroughly(const struct maqet_vm *vm,
                              struct maqet_check_report *report,
                              enum maqet_check_depth depth, struct maqet_error **err);

#endif
