/* SPDX-License-Identifier: MIT */
/*
 * file_state.h - which file an image is, and whether it was written to since: what the
 * journal of an operation remembers of each image, so that a recovery does not take a
 * file that was put in its place, or what was written to it later, for its own work.
 */
#ifndef MAQET_JOB_FILE_STATE_H
#define MAQET_JOB_FILE_STATE_H

#include "core/base/files.h"

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

#endif
