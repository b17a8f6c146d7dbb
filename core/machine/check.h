/* SPDX-License-Identifier: MIT */
/*
 * check.h - damage in the files of a machine's drives: nothing may write to a damaged
 * image, and a damaged file that is only read is a warning. Each use is preceded by a
 * quick check; a stopped machine can be checked thoroughly.
 */
#ifndef MAQET_MACHINE_CHECK_H
#define MAQET_MACHINE_CHECK_H

#include "core/machine/opened.h"
#include "core/storage/image.h"

/* Checks a drive quickly before it is used, while QEMU does not run. */
int maqet_vm_check_drive(const struct maqet_vm *vm, const struct maqet_drive *drive,
                         struct maqet_error **err);

/* The same for all drives, except for images that a running QEMU of the machine has open
 * for writing. */
int maqet_vm_check_drives(const struct maqet_vm *vm, struct maqet_error **err);

/* Adds the damage of a drive that a quick check finds, as sentences. @running: omits the
 * image, which QEMU may be writing to. */
void maqet_vm_drive_damage(const struct maqet_drive *drive, bool running,
                           struct maqet_strings *damage);

/* Opens and locks a machine to check it; MAQET_ERROR_STATE if it is running. Its job may
 * be pending, since a damaged image may be what interrupted it. */
struct maqet_opened *maqet_check_open(const struct maqet_context *context,
                                      const char *name_or_uuid, struct maqet_error **err);

/* Checks a drive of a stopped machine thoroughly. MAQET_ERROR_BUSY: another program has
 * an image open that would be read or repaired. MAQET_ERROR_STATE: the image is not
 * repaired because it is the backing file of another one. */
int maqet_vm_check_thoroughly(const struct maqet_vm *vm,
                              struct maqet_check_report *report,
                              enum maqet_check_depth depth, struct maqet_error **err);

#endif
