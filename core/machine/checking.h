/* SPDX-License-Identifier: MIT */
/*
 * checking.h - the thorough check of a machine that does not run.
 */
#ifndef MAQET_MACHINE_CHECKING_H
#define MAQET_MACHINE_CHECKING_H

#include "core/machine/opened.h"
#include "core/storage/check.h"

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
