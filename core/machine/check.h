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

/* A machine that is being checked: it can't be started, nor changed, meanwhile. */
struct maqet_checking {
    struct maqet_vm *vm;
    struct maqet_opened *machine; /* NULL: it is not stored, and the VM is our own */
};

/* Opens a machine that does not run; MAQET_ERROR_STATE where it does. An operation on its
 * snapshots may be pending: a damaged image may be what keeps it from its end. */
struct maqet_checking *maqet_checking_open(const struct maqet_context *context,
                                           const char *name, struct maqet_error **err);

/* The same for one that is not stored. Takes the definition. */
struct maqet_checking *maqet_checking_new(const struct maqet_context *context,
                                          struct maqet_definition *definition);
void maqet_checking_cleanup(struct maqet_checking **checking);

#define _cleanup_checking_ _cleanup_(maqet_checking_cleanup)

/* Checks a drive of it thoroughly. MAQET_ERROR_BUSY: another program has an image open
 * that would have to be read or repaired. MAQET_ERROR_STATE: its image is not repaired,
 * since another image has it as its backing file. */
int maqet_checking_run(const struct maqet_checking *checking,
                       struct maqet_check_report *report, enum maqet_check_depth depth,
                       struct maqet_error **err);

#endif
