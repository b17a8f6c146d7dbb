/* SPDX-License-Identifier: MIT */
#include "core/storage/creation.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/process.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/blank.h"
#include "core/storage/callback.h"
#include "core/storage/elsewhere.h"
#include "core/storage/emitted.h"
#include "core/storage/publication.h"
#include "core/storage/record.h"
#include "core/storage/space.h"

/* ms: another process may be creating a large image with the same name. */
static const int64_t CREATION_TIMEOUT = INT64_C(600) * 1000;

/* ms: a template has some MiB. */
static const int64_t TEMPLATE_TIMEOUT = INT64_C(60) * 1000;

/* Copies the content of the drive's template into its new image, which has this path. */
static int
fill_from_template(const struct maqet_drive *drive, const char *path,
                   struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (!drive->template)
        return 0;
    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    const char *driver =
        maqet_json_text(maqet_block_node_find(args, maqet_drive_node(drive)), "driver");
    const char *const argv[] = {"qemu-img",
                                "convert",
                                "-n",
                                "-f",
                                drive->template_format,
                                "-O",
                                driver ? driver : drive->storage->plugin.name,
                                drive->template,
                                path,
                                NULL};
    return maqet_process_run(argv, TEMPLATE_TIMEOUT, NULL, err);
}

/* A maqet_publication_make. */
static int
make_new(void *data, const struct maqet_drive *drive, const char *path,
         struct maqet_error **err)
{
    (void)data;
    if (drive->blank && maqet_blank_fits(drive->blank, drive))
        return maqet_blank_write(drive->blank, path, err);
    if (maqet_storage_create(drive, path, err) < 0 ||
        fill_from_template(drive, path, err) < 0)
        return -1;
    if (drive->blank)
        maqet_blank_keep(drive->blank, drive, path);
    return 0;
}

/* Creates a missing image, with the lock held. *created: no other process was faster. */
static int
create(struct maqet_publication *publication, const struct maqet_image_recorder *recorder,
       bool *created, struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;
    uint64_t at_once, at_most;

    if (maqet_storage_space(drive, &at_once, &at_most, err) < 0 ||
        maqet_image_check_room(drive, publication->folder, at_once, at_most, err) < 0)
        return -1;
    _cleanup_free_ char *size = maqet_text_size(at_most);
    maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                      "Creating %s storage file: %s (%s)", drive->storage->plugin.name,
                      drive->path, size);
    int late = maqet_publication_write(publication, make_new, NULL, recorder, err) < 0
                   ? -1
                   : maqet_publication_publish(publication, err);
    if (late != 0)
        maqet_publication_discard(publication);
    if (late < 0)
        return -1;
    *created = late == 0;
    if (*created)
        maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                          "Successfully created storage file: %s", drive->path);
    return maqet_dir_sync(publication->folder_fd, publication->folder, err);
}

/* Without the user's consent only an image that never existed is created, and never one
 * that the guest could only read. */
static int
check_creatable(const struct maqet_drive *drive, struct maqet_error **err)
{
    bool cdrom = drive->media == MAQET_MEDIA_CDROM;

    if (!drive->create_missing && maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    if (!maqet_drive_readonly(drive))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_MISSING,
                      "%s does not exist, and the image of a %s drive is never created",
                      drive->path, cdrom ? "CD-ROM" : "read-only");
    if (!cdrom)
        maqet_error_hint(err, "Remove `%s` for the first start, or give an existing file",
                         drive->storage->plugin.readonly_option);
    return -1;
}

int
maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;
    uint64_t at_once, at_most;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return -1;
    /* What is never created may still be put there before the machine starts. */
    if (state.exists || !drive->path || maqet_drive_readonly(drive))
        return 0;
    return maqet_storage_space(drive, &at_once, &at_most, err);
}

bool
maqet_image_has_leftovers(const struct maqet_drive *drive)
{
    _cleanup_publication_ struct maqet_publication publication =
        maqet_publication_of(drive);

    return maqet_publication_has_leftovers(&publication) &&
           !maqet_publication_is_busy(&publication);
}

void
maqet_image_sweep(const struct maqet_drive *drive)
{
    _cleanup_publication_ struct maqet_publication publication =
        maqet_publication_of(drive);

    if (maqet_publication_has_leftovers(&publication) &&
        maqet_publication_open(&publication, NULL) == 0 &&
        maqet_publication_lock(&publication, 0, NULL) == 0) {
        maqet_publication_discard(&publication);
        maqet_publication_unlock(&publication);
    }
}

/* Warns a user who has changed the size, which is only used when an image is created. */
static void
warn_of_size(const struct maqet_drive *drive, const struct maqet_image_state *state)
{
    if (drive->size == 0 || state->virtual_size == 0 ||
        state->virtual_size / 512 == (drive->size + 511) / 512)
        return;
    _cleanup_free_ char *is = maqet_text_size(state->virtual_size);
    _cleanup_free_ char *said = maqet_text_size(drive->size);
    maqet_warn(drive,
               "%s%s has the size %s and not %s; `%s` is used only when an image is "
               "created",
               drive->path ? "the image " : "it", drive->path ? drive->path : "", is,
               said, drive->storage->plugin.size_option);
}

int
maqet_image_precheck(const struct maqet_drive *drive, struct maqet_image_state *state,
                     struct maqet_error **err)
{
    if (!drive->storage->plugin.path_option)
        return maqet_elsewhere_check(drive, state, err);
    if (maqet_image_inspect(drive, state, err) < 0)
        return -1;
    if (state->exists || !drive->path)
        return 0;
    if (check_creatable(drive, err) < 0)
        return -1;
    _cleanup_publication_ struct maqet_publication publication =
        maqet_publication_of(drive);
    return maqet_publication_open(&publication, err);
}

/* Whether the image still has its name, and is the one that we created, if we did.
 * Whoever can replace it can make QEMU open any file. */
static int
check_created(const struct maqet_publication *publication, bool created,
              const struct maqet_image_state *state, struct maqet_error **err)
{
    const struct maqet_drive *drive = publication->drive;

    if (state->exists && (!created || maqet_file_id_equal(&state->id, &publication->id)))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_FAILED,
                      !created ? "%s appeared while it was being created, and is gone "
                                 "again"
                      : state->exists ? "%s, which was just created, was replaced by "
                                        "another file"
                                      : "%s was just created, and is already gone",
                      drive->path);
    maqet_error_hint(err,
                     "Somebody else changes files in %s: give the drive a `%s` in a "
                     "folder that only you can write to",
                     publication->folder, drive->storage->plugin.path_option);
    return -1;
}

/* With the lock held, inspects the image again, and creates it if it is still missing. */
static int
create_missing(struct maqet_publication *publication, struct maqet_image_state *state,
               bool *created, const struct maqet_image_recorder *recorder,
               struct maqet_error **err)
{
    maqet_publication_discard(publication);
    if (maqet_image_inspect(publication->drive, state, err) < 0)
        return -1;
    if (state->exists)
        return 0;
    if (create(publication, recorder, created, err) < 0 ||
        maqet_image_inspect(publication->drive, state, err) < 0)
        return -1;
    return check_created(publication, *created, state, err);
}

int
maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                    bool *created, const struct maqet_image_recorder *recorder,
                    struct maqet_error **err)
{
    *created = false;
    *state = (struct maqet_image_state){0};
    if (!drive->storage->plugin.path_option) {
        if (maqet_elsewhere_prepare(drive, state, created, recorder, err) < 0)
            return -1;
        if (!*created)
            warn_of_size(drive, state);
        return 0;
    }
    if (maqet_image_inspect(drive, state, err) < 0)
        return -1;
    if (!drive->path)
        return 0;
    if (state->exists) {
        maqet_image_sweep(drive);
        warn_of_size(drive, state);
        return 0;
    }
    if (check_creatable(drive, err) < 0)
        return -1;
    _cleanup_publication_ struct maqet_publication publication =
        maqet_publication_of(drive);
    if (maqet_publication_open(&publication, err) < 0 ||
        maqet_publication_lock(&publication, CREATION_TIMEOUT, err) < 0)
        return -1;
    int result = create_missing(&publication, state, created, recorder, err);
    maqet_publication_unlock(&publication);
    return result;
}
