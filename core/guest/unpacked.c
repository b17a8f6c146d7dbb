/* SPDX-License-Identifier: MIT */
#include "core/guest/unpacked.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/removal.h"

enum { MODE_KEPT = 0777, MODE_OTHERS_WRITE = 0022 };

mode_t
maqet_guest_mode(mode_t mode, mode_t mask)
{
    return mode & MODE_KEPT & ~(mask | MODE_OTHERS_WRITE);
}

static FTS *
open_tree(const char *path)
{
    char *const paths[] = {(char *)path, NULL};

    return fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
}

static void
close_tree(FTS **tree)
{
    if (*tree)
        fts_close(*tree);
}

static int
error_kind(const FTSENT *entry, size_t prefix, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           entry->fts_level == FTS_ROOTLEVEL
                               ? "'%s' is not a folder, as the guest has said"
                               : "'%s' is neither a file, a folder nor a link, and is "
                                 "not copied",
                           entry->fts_path + prefix);
}

static int
set_mode(const FTSENT *entry, mode_t mode, struct maqet_error **err)
{
    return chmod(entry->fts_accpath, mode) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s", entry->fts_path)
               : 0;
}

/* @prefix: the length of what is before the tree's name in paths. */
static int
check_entry(const FTSENT *entry, size_t prefix, mode_t mask, struct maqet_error **err)
{
    bool is_root = entry->fts_level == FTS_ROOTLEVEL;

    switch (entry->fts_info) {
    case FTS_D: /* its entries are not read yet */
        return set_mode(entry, S_IRWXU, err);
    case FTS_DP:
        return is_root ? 0
                       : set_mode(entry,
                                  maqet_guest_mode(entry->fts_statp->st_mode, mask), err);
    case FTS_F:
        return is_root ? error_kind(entry, prefix, err)
                       : set_mode(entry,
                                  maqet_guest_mode(entry->fts_statp->st_mode, mask), err);
    case FTS_SL:
    case FTS_SLNONE:
        return is_root ? error_kind(entry, prefix, err) : 0;
    case FTS_DEFAULT:
        return error_kind(entry, prefix, err);
    default:
        return maqet_error_errno(err, entry->fts_errno, "Cannot read %s",
                                 entry->fts_path);
    }
}

int
maqet_unpacked_check(const char *path, mode_t mask, mode_t *mode,
                     struct maqet_error **err)
{
    _cleanup_(close_tree) FTS *tree = NULL;
    const char *slash = strrchr(path, '/');
    size_t prefix = slash ? (size_t)(slash + 1 - path) : 0;
    struct stat status;
    FTSENT *entry;

    if (lstat(path, &status) < 0 || !(tree = open_tree(path)))
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    *mode = maqet_guest_mode(status.st_mode, mask);
    while (errno = 0, (entry = fts_read(tree)))
        if (check_entry(entry, prefix, mask, err) < 0)
            return -1;
    return errno ? maqet_error_errno(err, errno, "Cannot read %s", path) : 0;
}

void
maqet_unpacked_remove(const char *path)
{
    FTS *tree = open_tree(path);
    FTSENT *entry;

    while (tree && (entry = fts_read(tree)))
        if (entry->fts_info == FTS_D)
            set_mode(entry, S_IRWXU, NULL);
    close_tree(&tree);
    maqet_dir_remove(path, NULL);
}
