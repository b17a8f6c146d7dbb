/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the operation that is under way at a machine's snapshots, written down
 * (pending.json) before its first step and taken away after its last. Whoever finds one
 * has found an operation that was interrupted, and repairs (repair.c) before anything
 * else happens; no machine is started while there is one.
 */
#ifndef MAQET_SNAPSHOT_JOURNAL_H
#define MAQET_SNAPSHOT_JOURNAL_H

#include "core/base/context.h"
#include "core/base/error.h"

enum maqet_operation {
    MAQET_OPERATION_NONE,
    MAQET_OPERATION_CREATE,
    MAQET_OPERATION_OVERWRITE,  /* with a stand-in, see create.c */
    MAQET_OPERATION_CHECKPOINT, /* creating one */
    MAQET_OPERATION_PREPARE,    /* of loading: nothing has been reverted yet */
    MAQET_OPERATION_LOAD,       /* some drives may have been reverted: finish it */
    MAQET_OPERATION_UNDO,       /* of loading, which has failed: go back */
    MAQET_OPERATION_DELETE,
    MAQET_OPERATION_FORGET, /* deleting a checkpoint */
    MAQET_OPERATION_RESUME, /* of loading one: the drives have reverted, QEMU starts */
};

struct maqet_journal {
    enum maqet_operation operation;
    char *name;     /* of the snapshot */
    char *stand_in; /* NULL: none */
    struct maqet_strings drives;
};

void maqet_journal_clear(struct maqet_journal *journal);

/* Reads what is pending; MAQET_OPERATION_NONE: nothing. */
int maqet_journal_read(const struct maqet_context *context, const char *vm,
                       struct maqet_journal *journal, struct maqet_error **err);

/* Writes it down, and it has reached the disk. */
int maqet_journal_write(const struct maqet_context *context, const char *vm,
                        const struct maqet_journal *journal, struct maqet_error **err);

/* The operation is over, or has been put right. */
int maqet_journal_remove(const struct maqet_context *context, const char *vm,
                         struct maqet_error **err);

#endif
