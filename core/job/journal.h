/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the operation that is under way at a machine's snapshots, written down
 * (pending.json) before its first step and taken away after its last. Whoever finds one
 * has found an operation that was interrupted, and repairs (repair.c) before anything
 * else happens; no machine is started while there is one.
 *
 * It records which files the images are, and their state as the operation left them, so
 * that a recovery which comes later than it should finds out (interrupted.c).
 */
#ifndef MAQET_JOB_JOURNAL_H
#define MAQET_JOB_JOURNAL_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/job/file_state.h"

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

/* A drive that the operation is about. */
struct maqet_journal_drive {
    char *name;
    char *path;                    /* of its image; NULL: it lies elsewhere */
    struct maqet_file_state state; /* of the image, after the operation's last step */

    /* The snapshot that the operation is about: the one to load, the one that is deleted
     * or replaced. Another one may have its name later on. */
    char *snapshot;  /* its id; NULL: there was none */
    int64_t seconds; /* its date */
    uint32_t nanoseconds;
};

struct maqet_journal {
    bool unread; /* there is one, which can't be read at the moment */
    enum maqet_operation operation;
    char *name;     /* of the snapshot */
    char *stand_in; /* NULL: none */
    struct maqet_journal_drive *drives;
    size_t drive_count;
    int64_t begun;       /* ns since 1970 */
    int64_t interrupted; /* ns since 1970; 0: not yet, as far as is known */
    char *boot;  /* of the host, when it was written; NULL: by a maqet that recorded no
                    images */
    bool sealed; /* the images' states are those after the interruption (seal.h) */

    /* Found by reading alone. */
    bool copied;     /* the file is a copy of the one that was written */
    int64_t touched; /* when the operation was last seen under way, ns since 1970 */
};

void maqet_journal_clear(struct maqet_journal *journal);

/* Adds a drive, which is to be filled in; the pointer is good until the next call. */
struct maqet_journal_drive *maqet_journal_add_drive(struct maqet_journal *journal,
                                                    const char *name, const char *path);

/* The drive of that name, or NULL. */
const struct maqet_journal_drive *
maqet_journal_find_drive(const struct maqet_journal *journal, const char *name);

/* Records the images' present state, and the host's present boot. The operation must be
 * one that is known to have left them so. */
void maqet_journal_record(struct maqet_journal *journal);

/* Whether the host was not restarted since it was written. */
bool maqet_journal_same_boot(const struct maqet_journal *journal);

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
