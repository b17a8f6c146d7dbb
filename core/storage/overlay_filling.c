/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_filling.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/file_copy.h"
#include "core/storage/callback.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_view.h"
#include "core/storage/served.h"

/* The view of a new node, which is written to. */
static int
view_of(const struct maqet_drive *drive, uint64_t id, struct maqet_view *view,
        struct maqet_error **err)
{
    if (maqet_view_make(drive, id, view, err) < 0)
        return -1;
    view->drive->readonly = false;
    return 0;
}

/* ---- differences ---- */

struct difference {
    const char *shown;
    const char *below;
};

/* A maqet_overlay_nodes_make. The overlay stands on the image that it is to look like, which is
 * exchanged for the other one; only then it gets the name of the node below. */
static int
make_difference(const struct maqet_drive *drive, uint64_t id, void *data,
                struct maqet_error **err)
{
    const struct maqet_overlay *node = maqet_overlays_node(drive->overlays, id);
    const struct difference *difference = data;
    _cleanup_view_ struct maqet_view view = {0}, last = {0};

    if (view_of(drive, id, &view, err) < 0 || view_of(drive, id, &last, err) < 0)
        return -1;
    struct maqet_backing *backing = &view.drive->backing;
    free(backing->name);
    free(backing->format);
    backing->name = maqet_strdup(difference->shown);
    backing->format = maqet_strdup(MAQET_SERVED_DRIVER);
    if (MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, create, node->file.file,
                           node->size) < 0 ||
        MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, merge_up, difference->below,
                           MAQET_SERVED_DRIVER) < 0)
        return -1;
    return MAQET_OVERLAY_CALL(err, last.drive, MAQET_CALL_LONG, rename_backing);
}

int
maqet_overlay_fill_difference(const struct maqet_drive *drive, uint64_t parent,
                              uint64_t size, const char *shown, const char *below,
                              uint64_t *id, struct maqet_error **err)
{
    struct difference difference = {.shown = shown, .below = below};

    return maqet_overlay_nodes_fill(drive, parent, size, make_difference, &difference, id,
                                    err);
}

/* ---- copies ---- */

static void
show_copying(void *data, uint64_t done, uint64_t total)
{
    const struct maqet_drive *drive = data;
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': copying an overlay",
                                             drive->machine->vm_name, drive->name);

    maqet_context_progress(drive->context, what, done, total,
                           maqet_call_current()->begun);
}

static int
copy_file(const struct maqet_drive *drive, const char *source, const char *path,
          struct maqet_error **err)
{
    MAQET_CALL(MAQET_CALL_LONG);
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_close_ int to = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool shared;

    if (from < 0 || to < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", from < 0 ? source : path);
    int result =
        maqet_file_copy(from, to, path, show_copying, (void *)drive, &shared, err);
    maqet_context_progress_end(drive->context);
    return result;
}

/* A maqet_overlay_nodes_make. */
static int
make_copy(const struct maqet_drive *drive, uint64_t id, void *data,
          struct maqet_error **err)
{
    const struct maqet_overlay *node = maqet_overlays_node(drive->overlays, id);
    const struct maqet_overlay *from = data;
    _cleanup_view_ struct maqet_view view = {0};

    return copy_file(drive, from->file.file, node->file.file, err) < 0 ||
                   view_of(drive, id, &view, err) < 0
               ? -1
               : MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, rename_backing);
}

int
maqet_overlay_fill_copy(const struct maqet_drive *drive, uint64_t parent,
                        const struct maqet_overlay *from, uint64_t *id,
                        struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    char *type = overlays->type;

    overlays->type = from->type;
    int result = maqet_overlay_nodes_fill(drive, parent, from->size, make_copy,
                                          (void *)from, id, err);
    overlays->type = type;
    return result;
}
