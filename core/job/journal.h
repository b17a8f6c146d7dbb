/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the job that is under way at a machine, written down (pending.json) before
 * its first step and taken away after its last. Whoever finds one has found a job that
 * was interrupted, and recovers it (recover.h) before anything else happens.
 *
 * It records which files the images are, and their state as the job left them, so that a
 * recovery which comes later than it should finds out (recover.h).
 */
#ifndef MAQET_JOB_JOURNAL_H
#define MAQET_JOB_JOURNAL_H

#include "core/base/context.h"
#include "core/base/files.h"
#include "core/job/kind.h"
#include "core/storage/snapshots.h"

/* ---- which file an image is, and whether it was written to since ---- */

struct maqet_file_state {
    bool known; /* a regular file was there; else nothing of it can be told */
    struct maqet_file_id id;
    uint64_t size;    /* bytes */
    int64_t modified; /* ns since 1970 */
};

/* Looks at a file, following links. Returns whether there is anything of that name;
 * a block device is there, but not known. */
bool maqet_file_state_read(const char *path, struct maqet_file_state *state);

/*
 * Whether two states are of one file. Across a restart of the host, device numbers may
 * have changed, so there the inode and its time of birth decide.
 *
 * It is stricter than maqet_file_id_is_same_file, which serves records that outlive many
 * boots, and so never knows whether the number still counts. A journal knows its boot,
 * and with that can tell a file from its copy in a snapshot of the whole file system
 * (btrfs, LVM), which has its inode and birth; and where there is no time of birth, it
 * rather asks the user than reverts another file.
 */
bool maqet_file_state_same_file(const struct maqet_file_state *a,
                                const struct maqet_file_state *b, bool same_boot);

/* The same for the identities alone. */
bool maqet_file_id_same(const struct maqet_file_id *a, const struct maqet_file_id *b,
                        bool same_boot);

/* Whether nothing was written in between, for two states of one file. */
bool maqet_file_state_same_content(const struct maqet_file_state *a,
                                   const struct maqet_file_state *b);

/* ---- the journal ---- */

/* A drive that the job is about. */
struct maqet_job_target {
    char *name;
    char *path;                    /* of its image; NULL: it lies elsewhere */
    struct maqet_file_state state; /* of the image, after the job's last step */

    /* The snapshot that the job is about, by its id and date: the one to load, the one that
     * is deleted or replaced. Another one may have its name later on. */
    bool has_snapshot;
    struct maqet_snapshot snapshot;
};

struct maqet_journal {
    bool unread; /* there is one, which can't be read at the moment */
    const struct maqet_job_kind *kind; /* NULL: nothing is pending */
    size_t phase;                      /* the index of its row */
    char *name;     /* what the job is about: "keep" of "load of snapshot 'keep'" */
    char *stand_in; /* the name meanwhile of what replaces another snapshot; or NULL */
    struct maqet_job_target *targets;
    size_t target_count;
    int64_t begun;       /* ns since 1970 */
    int64_t interrupted; /* ns since 1970; 0: not yet, as far as is known */
    char *boot;  /* of the host, when it was written; NULL: by a maqet that recorded no
                    images */
    bool sealed; /* the images' states are those after the interruption (seal.h) */
    struct maqet_file_id file; /* which file was written */

    /* Found by reading alone. */
    bool copied;     /* the file is a copy of the one that was written */
    int64_t touched; /* when the job was last seen under way, ns since 1970 */
};

void maqet_journal_clear(struct maqet_journal *journal);

/* The row of its phase; NULL: nothing is pending. */
const struct maqet_job_phase *maqet_journal_phase(const struct maqet_journal *journal);

/* "load of snapshot 'keep'". The caller frees. */
char *maqet_journal_title(const struct maqet_journal *journal);

/* Adds a drive, which is to be filled in; the pointer is good until the next call. */
struct maqet_job_target *maqet_journal_add_target(struct maqet_journal *journal,
                                                  const char *name, const char *path);

/* The drive of that name, or NULL. */
const struct maqet_job_target *
maqet_journal_find_target(const struct maqet_journal *journal, const char *name);

/* Records the images' present state, and the host's present boot. The job must be one
 * that is known to have left them so. */
void maqet_journal_record(struct maqet_journal *journal);

/* Whether the host was not restarted since it was written. */
bool maqet_journal_same_boot(const struct maqet_journal *journal);

/* Reads what is pending, of a kind that the context lists. */
int maqet_journal_read(const struct maqet_context *context, const char *vm,
                       struct maqet_journal *journal, struct maqet_error **err);

/* Writes it down, and it has reached the disk. */
int maqet_journal_write(const struct maqet_context *context, const char *vm,
                        const struct maqet_journal *journal, struct maqet_error **err);

/* The job is over, or has been put right. */
int maqet_journal_remove(const struct maqet_context *context, const char *vm,
                         struct maqet_error **err);

#endif
