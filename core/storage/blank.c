/* SPDX-License-Identifier: MIT */
#include "core/storage/blank.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/file_copy.h"
#include "core/base/files.h"

enum { BLOCK = 512, LIMIT = 1024 * 1024 /* bytes on the disk */ };
enum { PIECE = 4096 /* bytes of which a hole is made if they are zeros */ };

/* Whether a file is what another one may be made like: that of a type whose overlays have nothing of their own. With a
 * secret, each has a key. */
static bool
may_be_kept(const struct maqet_drive *drive, int fd)
{
    struct stat status;

    return drive->storage->overlay.create && !(drive->secrets && *drive->secrets) &&
           fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_blocks * BLOCK <= LIMIT;
}

/* A new image is zeros but for a few bytes, which need not be written for each. */
static void
dig_holes(int fd)
{
    static const char zeros[PIECE];
    char piece[PIECE];

    for (off_t at = 0; pread(fd, piece, PIECE, at) == PIECE; at += PIECE)
        if (memcmp(piece, zeros, PIECE) == 0)
            (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PIECE);
}

void
maqet_blank_keep(struct maqet_blank *blank, const struct maqet_drive *drive,
                 const char *path)
{
    bool shared = false;
    _cleanup_close_ int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (from < 0 || !may_be_kept(drive, from))
        return;
    _cleanup_close_ int fd = memfd_create("maqet-blank", MFD_CLOEXEC);
    if (fd < 0 || maqet_file_copy(from, fd, path, NULL, NULL, &shared, NULL) < 0)
        return;
    dig_holes(fd);
    maqet_blank_clear(blank);
    blank->fd = TAKE_FD(fd);
    blank->folder = maqet_path_folder(drive->path);
}

bool
maqet_blank_fits(const struct maqet_blank *blank, const struct maqet_drive *drive)
{
    _cleanup_free_ char *folder = blank->fd < 0 ? NULL : maqet_path_folder(drive->path);

    return folder && strcmp(folder, blank->folder) == 0;
}

int
maqet_blank_write(const struct maqet_blank *blank, const char *path,
                  struct maqet_error **err)
{
    bool shared = false;
    _cleanup_close_ int to = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    return to < 0 ? maqet_error_errno(err, errno, "Cannot write %s", path)
                  : maqet_file_copy(blank->fd, to, path, NULL, NULL, &shared, err);
}

void
maqet_blank_clear(struct maqet_blank *blank)
{
    maqet_cleanup_close(&blank->fd);
    free(blank->folder);
    *blank = (struct maqet_blank)MAQET_BLANK_INIT;
}
