/* SPDX-License-Identifier: MIT */
#include "core/guest/room.h"

#include <stdint.h>
#include <sys/statvfs.h>

/* Of space and of files, this part is kept; of space, so many bytes at most. */
enum { KEPT_PART = 20 };
static const uint64_t KEPT_MAX = 1 << 30;

static uint64_t
kept_of(const struct statvfs *space)
{
    uint64_t part = (uint64_t)space->f_blocks * space->f_frsize / KEPT_PART;

    return part < KEPT_MAX ? part : KEPT_MAX;
}

int
maqet_room_check(const char *path, struct maqet_error **err)
{
    struct statvfs space;

    if (statvfs(path, &space) < 0 || space.f_blocks == 0)
        return 0;
    /* Some file systems create files as long as there is space, and say 0 files. */
    if (space.f_files > 0 && space.f_favail < space.f_files / KEPT_PART)
        return maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                               "The file system of %s has room for only %llu more files; "
                               "a guest gets no more of it",
                               path, (unsigned long long)space.f_favail);
    uint64_t available = (uint64_t)space.f_bavail * space.f_frsize;
    if (available >= kept_of(&space))
        return 0;
    _cleanup_free_ char *text = maqet_text_bytes(available);
    _cleanup_free_ char *kept = maqet_text_bytes(kept_of(&space));
    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "Only %s are free in the file system of %s, and a guest gets none of "
                    "the last %s",
                    text, path, kept);
    maqet_error_hint(err, "Free up disk space, or copy to another file system");
    return -1;
}
