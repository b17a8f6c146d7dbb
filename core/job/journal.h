/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the record of the job in progress (pending.json): written before its first
 * step, and removed after its last. So if there is one when a machine is opened, a job was
 * interrupted, and is recovered before anything else is done.
 *
 * It contains the identities of the image files, and their state as the job left them, so
 * that a late recovery notices what has changed since (recover.h).
 */
#ifndef MAQET_JOB_JOURNAL_H
#define MAQET_JOB_JOURNAL_H

#include "core/base/context.h"
#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/job/kind.h"
#include "core/storage/snapshots.h"

/* ---- the identity of a file, and whether it was written to since ---- */

struct maqet_file_state {
    bool known; /* it was a regular file; else the rest is meaningless */
    struct maqet_file_id id;
    uint64_t size;    /* bytes */
    int64_t modified; /* ns since 1970 */
};

/* Reads the state of a file, following links. False: there is no such file. A block device
 * exists, but is not known. */
bool maqet_file_state_read(const char *path, struct maqet_file_state *state);

/*
 * Whether two states are of one file. After a reboot, device numbers may have changed, so
 * the inode and its time of birth decide.
 *
 * It is stricter than maqet_file_id_is_same_file(), which is for records that outlive many
 * boots, and cannot rely on device numbers. A journal knows its boot, so it can tell a file
 * from its copy in a snapshot of the whole file system (btrfs, LVM), which has the same
 * inode and birth; and if there is no time of birth, the user is asked rather than another
 * file reverted.
 */
bool maqet_file_state_same_file(const struct maqet_file_state *a,
                                const struct maqet_file_state *b, bool same_boot);

/* The same for identities alone. */
bool maqet_file_id_same(const struct maqet_file_id *a, const struct maqet_file_id *b,
                        bool same_boot);

/* Whether nothing was written between two states of one file. */
bool maqet_file_state_same_content(const struct maqet_file_state *a,
                                   const struct maqet_file_state *b);

/* ---- the journal ---- */

/* A drive that the job is about. */
struct maqet_job_target {
    char *name;
    char *path;                    /* of its image; NULL: it is not a local file */
    struct maqet_file_state state; /* of the image, after the job's last step */

    /* The snapshot to load, delete or replace, by its id and date: another one may have its
     * name later. */
    bool has_snapshot;
    struct maqet_snapshot snapshot;
};

struct maqet_journal {
    bool unread; /* there is one, but it cannot be read at the moment */
    const struct maqet_job_kind *kind; /* NULL: nothing is pending */
    size_t phase;                      /* the index of its row */
    char *name;     /* what the job is about: "keep" of "load of snapshot 'keep'" */
    char *stand_in; /* the temporary name of what replaces another snapshot; or NULL */
    char *details;  /* what else its recovery needs to know, as JSON; NULL: nothing */
    struct maqet_job_target *targets;
    size_t target_count;
    int64_t begun;       /* ns since 1970 */
    int64_t interrupted; /* ns since 1970; 0: not known */
    char *boot;  /* the host's boot id when it was written; NULL: by an earlier maqet that
                  * recorded no images */
    bool sealed; /* the images' states are those after the interruption (seal.h) */
    struct maqet_file_id file; /* which file was written */

    /* Set only by reading. */
    bool copied;     /* the file is a copy of the one that was written */
    int64_t touched; /* when the job last gave a sign of life, ns since 1970 */
};

void maqet_journal_clear(struct maqet_journal *journal);

/* The row of its phase; NULL: nothing is pending. */
const struct maqet_job_phase *maqet_journal_phase(const struct maqet_journal *journal);

/* "load of snapshot 'keep'". The caller frees. */
char *maqet_journal_title(const struct maqet_journal *journal);

/* Adds a drive. The pointer is valid until the next call. */
struct maqet_job_target *maqet_journal_add_target(struct maqet_journal *journal,
                                                  const char *name, const char *path);

/* The drive of that name, or NULL. */
const struct maqet_job_target *
maqet_journal_find_target(const struct maqet_journal *journal, const char *name);

/* Records the images' present state, as the job left them, and the host's boot id. */
void maqet_journal_record(struct maqet_journal *journal);

/* Whether the host was not rebooted since it was written. */
bool maqet_journal_same_boot(const struct maqet_journal *journal);

/* Reads what is pending, of a kind that the context lists. */
int maqet_journal_read(const struct maqet_context *context, const char *vm,
                       struct maqet_journal *journal, struct maqet_error **err);

/* Writes it, to the disk. */
int maqet_journal_write(const struct maqet_context *context, const char *vm,
                        const struct maqet_journal *journal, struct maqet_error **err);

/* Writes it beside the one that maqet_replacement_rename() replaces. The caller cleans up also after an error. */
int maqet_journal_draft(const struct maqet_context *context, const char *vm,
                        const struct maqet_journal *journal,
                        struct maqet_replacement *draft, struct maqet_error **err);

/* Writes it in the folder of a machine that is not stored yet. */
int maqet_journal_write_in(const char *folder, const struct maqet_journal *journal,
                           struct maqet_error **err);

/* Removes it: the job is done, or has been recovered. */
int maqet_journal_remove(const struct maqet_context *context, const char *vm,
                         struct maqet_error **err);

#endif
