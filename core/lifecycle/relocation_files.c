/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file_copy.h"
#include "core/base/removal.h"
#include "core/base/replacement.h"
#include "core/lifecycle/relocation_nodes.h"
#include "core/machine/owner.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlays.h"
#include "core/storage/publication.h"
#include "core/storage/space.h"

/* ms: another process may be creating an image of that name. */
static const int64_t LOCK_TIMEOUT = 10000;

/* The record of the tree in the folder of the overlays. */
#define TREE_FILE "tree.json"

struct moving {
    struct maqet_relocation *relocation;
    struct maqet_publication publication;
    char *image;  /* the temporary name of the image */
    char *folder; /* and of the folder of its overlays */
    bool copied;
    const char *what; /* is copied, for its progress */
    int64_t begun;
};

static const struct maqet_overlays *
overlays_of(const struct moving *moving)
{
    const struct maqet_overlays *overlays = moving->relocation->before.drive->overlays;

    return overlays && overlays->count > 1 ? overlays : NULL;
}

/* ---- one file ---- */

static void
report(void *data, uint64_t done, uint64_t total)
{
    const struct moving *moving = data;

    maqet_context_progress(moving->relocation->machine->context, moving->what, done,
                           total, moving->begun);
}

/* The mode of a copy that has another group than its original: neither of the groups, of which the old
 * one is among the others now, gets more rights than it had. */
static mode_t
mode_for_other_group(mode_t mode)
{
    mode_t common = (mode >> 3) & mode & 07;

    return (mode & 0700) | common << 3 | common;
}

/* Gives a copy the owner, mode and date of its original, by which frozen files are known. Only root can
 * give a file to another owner, and others only to groups that they belong to. */
static int
make_alike(int fd, const char *path, const struct stat *status, struct maqet_error **err)
{
    const struct timespec times[] = {status->st_atim, status->st_mtim};
    mode_t mode = status->st_mode & 07777;
    struct stat now;

    if ((status->st_uid != geteuid() || status->st_gid != getegid()) &&
        fchown(fd, status->st_uid, status->st_gid) < 0 &&
        (errno != EPERM || fchown(fd, (uid_t)-1, status->st_gid) < 0) && errno != EPERM)
        return maqet_error_errno(err, errno, "Cannot change the owner of %s", path);
    if (fstat(fd, &now) < 0)
        return maqet_error_errno(err, errno, "Cannot inspect %s", path);
    if (now.st_gid != status->st_gid)
        mode = mode_for_other_group(mode);
    if (fchmod(fd, mode) < 0 && errno != EPERM && errno != EOPNOTSUPP)
        return maqet_error_errno(err, errno, "Cannot change the mode of %s", path);
    return futimens(fd, times) < 0 || fsync(fd) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s to the disk", path)
               : 0;
}

static int
check_room(const struct moving *moving, const struct stat *status,
           struct maqet_error **err)
{
    uint64_t needed = (uint64_t)status->st_blocks * 512, available;

    if (!maqet_space_available(moving->publication.folder, &available) ||
        needed <= available)
        return 0;
    _cleanup_free_ char *takes = maqet_text_size(needed);
    _cleanup_free_ char *left = maqet_text_size(available);
    return maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                           "it takes up %s, and %s are free in %s", takes, left,
                           moving->publication.folder);
}

static int
copy_file(struct moving *moving, const char *from, const char *to,
          struct maqet_error **err)
{
    _cleanup_close_ int old = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    bool shared;

    if (old < 0 || fstat(old, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", from);
    if (check_room(moving, &status, err) < 0)
        return -1;
    _cleanup_close_ int new =
        open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (new < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", to);
    int result = maqet_file_copy(old, new, to, report, moving, &shared, err);
    maqet_context_progress_end(moving->relocation->machine->context);
    return result < 0 ? -1 : make_alike(new, to, &status, err);
}

/* Gives a file a second name, or copies it where that is impossible. */
static int
put_file(struct moving *moving, const char *from, const char *to,
         struct maqet_error **err)
{
    if (!moving->copied && linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0)
        return 0;
    if (!moving->copied && (errno == EEXIST || errno == ENOSPC || errno == EACCES))
        return maqet_error_errno(err, errno, "Cannot create %s", to);
    moving->copied = true;
    return copy_file(moving, from, to, err);
}

/* ---- all files ---- */

static int
put_into_folder(struct moving *moving, const char *from, struct maqet_error **err)
{
    _cleanup_free_ char *to =
        maqet_format("%s/%s", moving->folder, strrchr(from, '/') + 1);

    return put_file(moving, from, to, err);
}

/* The overlay that the guest writes to begins empty while QEMU runs, which copies it. */
static int
create_top(struct moving *moving, const struct maqet_overlay *top,
           struct maqet_error **err)
{
    struct maqet_relocation *relocation = moving->relocation;
    _cleanup_free_ char *to =
        maqet_format("%s/%s", moving->folder, strrchr(top->file.file, '/') + 1);
    struct stat status;
    uint64_t bytes;

    if (stat(top->file.file, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot inspect %s", top->file.file);
    _cleanup_close_ int fd =
        open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", to);
    return maqet_relocation_live_size(relocation, &bytes, err) < 0 ||
                   maqet_overlay_nodes_create_like(relocation->before.drive, top->id, to,
                                                   bytes, err) < 0
               ? -1
               : make_alike(fd, to, &status, err);
}

static int
put_node(struct moving *moving, const struct maqet_overlays *overlays,
         const struct maqet_overlay *node, struct maqet_error **err)
{
    return node->id == overlays->top && maqet_relocation_is_live(moving->relocation)
               ? create_top(moving, node, err)
               : put_into_folder(moving, node->file.file, err);
}

static int
put_overlays(struct moving *moving, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = overlays_of(moving);

    if (!overlays)
        return 0;
    _cleanup_free_ char *tree = maqet_format("%s/" TREE_FILE, overlays->folder);
    if (mkdir(moving->folder, 0700) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", moving->folder);
    for (size_t i = 1; i < overlays->count; i++)
        if (put_node(moving, overlays, &overlays->nodes[i], err) < 0)
            return -1;
    if (put_into_folder(moving, tree, err) < 0)
        return -1;
    _cleanup_close_ int fd = open(moving->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", moving->folder)
                  : maqet_dir_sync(fd, moving->folder, err);
}

static int
discard(const struct moving *moving, struct maqet_error **err)
{
    if (unlink(moving->image) < 0 && errno != ENOENT)
        return maqet_error_errno(err, errno, "Cannot delete %s", moving->image);
    return maqet_file_missing(moving->folder) ? 0 : maqet_dir_remove(moving->folder, err);
}

/* Fills the temporary names, of which a killed command may have left some. The image comes first: its
 * copy is the largest, mostly, and whether there is room for it is known at once. */
static int
put_all(struct moving *moving, struct maqet_error **err)
{
    struct maqet_relocation *relocation = moving->relocation;

    if (discard(moving, err) < 0 ||
        put_file(moving, relocation->from, moving->image, err) < 0 ||
        put_overlays(moving, err) < 0)
        return -1;
    if (!maqet_file_id_of_path(moving->image, &relocation->new) ||
        (overlays_of(moving) &&
         !maqet_file_id_of_path(moving->folder, &relocation->folder)))
        return maqet_error_errno(err, errno, "Cannot inspect %s", moving->image);
    return 0;
}

/* ---- their names ---- */

static int
publish_folder(const struct moving *moving, struct maqet_error **err)
{
    _cleanup_free_ char *to = maqet_overlays_folder(moving->relocation->to);

    if (!overlays_of(moving) ||
        maqet_dir_publish(moving->publication.folder_fd, strrchr(moving->folder, '/') + 1,
                          strrchr(to, '/') + 1))
        return 0;
    return maqet_error_errno(err, errno, "Cannot create %s", to);
}

static int
publish(struct moving *moving, struct maqet_error **err)
{
    struct maqet_publication *publication = &moving->publication;
    const char *to = moving->relocation->to;

    if (publish_folder(moving, err) < 0)
        return -1;
    int late = maqet_publication_publish(publication, err);
    if (late > 0)
        return maqet_error_set(err, MAQET_ERROR_EXISTS, "%s exists already", to);
    return late < 0 ? -1
                    : maqet_dir_sync(publication->folder_fd, publication->folder, err);
}

static bool
has_other_group(const struct maqet_relocation *relocation)
{
    struct stat original, copy;

    return stat(relocation->from, &original) == 0 && stat(relocation->to, &copy) == 0 &&
           original.st_gid != copy.st_gid;
}

/* Records which files the copies of the frozen nodes are, and which modes they get when they are
 * written to again. */
static int
recognise(const struct moving *moving, struct maqet_error **err)
{
    if (!moving->copied || !overlays_of(moving))
        return 0;
    _cleanup_overlays_ struct maqet_overlays *overlays =
        maqet_overlays_read(moving->relocation->to, err);
    bool other_group = has_other_group(moving->relocation);
    for (size_t i = 0; overlays && i < overlays->count; i++)
        if (overlays->nodes[i].file.checksum) {
            maqet_node_look(&overlays->nodes[i].file);
            if (other_group)
                overlays->nodes[i].mode = mode_for_other_group(overlays->nodes[i].mode);
        }
    return overlays ? maqet_overlays_write(overlays, err) : -1;
}

static struct moving
moving_of(const struct maqet_relocation *relocation)
{
    _cleanup_free_ char *folder = maqet_path_folder(relocation->to);
    struct moving moving = {.relocation = (struct maqet_relocation *)relocation,
                            .publication = maqet_publication_of(relocation->after.drive),
                            .begun = maqet_now()};

    moving.image = maqet_format("%s/%s", folder, moving.publication.temporary);
    moving.folder =
        maqet_format("%s/.%s.maqet.maqet-new", folder, strrchr(relocation->to, '/') + 1);
    return moving;
}

static void
moving_clear(struct moving *moving)
{
    maqet_publication_clear(&moving->publication);
    free(moving->image);
    free(moving->folder);
}

static int
move_locked(struct moving *moving, struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_relocation *relocation = moving->relocation;
    const struct maqet_drive *drive = relocation->after.drive;

    if (put_all(moving, err) < 0 ||
        maqet_relocation_note(relocation, job, MAQET_RELOCATION_COPY, err) < 0 ||
        maqet_images_note_created(relocation->after.vm, drive, &relocation->new, err) < 0)
        return -1;
    if (moving->copied && relocation->created)
        maqet_owner_mark(drive->context, relocation->after.vm->definition, moving->image);
    else if (moving->copied)
        maqet_owner_mark_user(drive->context, moving->image, false);
    return publish(moving, err) < 0 ? -1 : recognise(moving, err);
}

int
maqet_relocation_move_files(struct maqet_relocation *relocation, struct maqet_job *job,
                            bool *copied, struct maqet_error **err)
{
    _cleanup_(moving_clear) struct moving moving = moving_of(relocation);
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': copied", relocation->machine->name,
                     relocation->after.drive->name);

    moving.what = what;
    if (maqet_publication_open(&moving.publication, err) < 0 ||
        maqet_publication_lock(&moving.publication, LOCK_TIMEOUT, err) < 0)
        return -1;
    int result = move_locked(&moving, job, err);
    if (result < 0)
        discard(&moving, NULL);
    maqet_publication_unlock(&moving.publication);
    *copied = moving.copied;
    return result;
}

void
maqet_relocation_sweep_files(const struct maqet_relocation *relocation)
{
    _cleanup_(moving_clear) struct moving moving = moving_of(relocation);

    if (!maqet_publication_is_busy(&moving.publication))
        discard(&moving, NULL);
}
