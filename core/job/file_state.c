/* SPDX-License-Identifier: MIT */
#include "core/job/file_state.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

static const int64_t SECOND = 1000000000; /* in ns */

bool
maqet_file_state_read(const char *path, struct maqet_file_state *state)
{
    struct statx status;

    *state = (struct maqet_file_state){0};
    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &status) < 0)
        return false;
    if (!S_ISREG(status.stx_mode))
        return true;
    state->known = true;
    state->id.device = makedev(status.stx_dev_major, status.stx_dev_minor);
    state->id.inode = status.stx_ino;
    if (status.stx_mask & STATX_BTIME)
        state->id.birth = (uint64_t)status.stx_btime.tv_sec * (uint64_t)SECOND +
                          status.stx_btime.tv_nsec;
    state->size = status.stx_size;
    state->modified = status.stx_mtime.tv_sec * SECOND + status.stx_mtime.tv_nsec;
    return true;
}

bool
maqet_file_id_same(const struct maqet_file_id *a, const struct maqet_file_id *b,
                   bool same_boot)
{
    return same_boot || a->birth == 0 ? maqet_file_id_equal(a, b)
                                      : maqet_file_id_is_same_file(a, b);
}

bool
maqet_file_state_same_file(const struct maqet_file_state *a,
                           const struct maqet_file_state *b, bool same_boot)
{
    return a->known && b->known && maqet_file_id_same(&a->id, &b->id, same_boot);
}

bool
maqet_file_state_same_content(const struct maqet_file_state *a,
                              const struct maqet_file_state *b)
{
    return a->size == b->size && a->modified == b->modified;
}
