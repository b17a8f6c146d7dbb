/* SPDX-License-Identifier: MIT */
#include "core/machine/left_images.h"

#include <string.h>
#include <unistd.h>

#include "core/machine/store.h"

static char *
list_path(const struct maqet_context *context)
{
    return maqet_format("%s/" MAQET_STORE_IMAGES, context->data_dir);
}

int
maqet_left_images_read(const struct maqet_context *context, struct maqet_images *images,
                       struct maqet_error **err)
{
    _cleanup_free_ char *path = list_path(context);

    return maqet_images_read(path, images, err);
}

/* The record that another one of the same path takes the place of. That of another file,
 * which may be on a disk that is not mounted, stays where that has backing files. */
static struct maqet_image_record *
find_replaced(const struct maqet_images *images, const struct maqet_image_record *by)
{
    for (size_t i = 0; i < images->count; i++) {
        struct maqet_image_record *record = &images->items[i];

        if (record->path && strcmp(record->path, by->path) == 0 &&
            (record->bases.count == 0 ||
             maqet_file_id_is_same_file(&record->id, &by->id)))
            return record;
    }
    return NULL;
}

/* Puts a record on the list. That maqet made an image is not forgotten when a machine
 * goes that has only used it. */
static void
put_record(struct maqet_images *images, const struct maqet_image_record *record)
{
    struct maqet_image_record *known = find_replaced(images, record);
    struct maqet_image_record copy;

    if (!known)
        known = maqet_images_append(images);
    maqet_image_record_copy(&copy, record);
    if (known->created && !record->created &&
        maqet_file_id_is_same_file(&known->id, &record->id)) {
        struct maqet_chain bases = known->bases;

        known->bases = copy.bases;
        copy.bases = bases;
        maqet_image_record_clear(&copy);
        return;
    }
    maqet_image_record_clear(known);
    *known = copy;
}

static bool
drop_records(struct maqet_images *images, const struct maqet_strings *paths)
{
    size_t before = images->count;

    for (size_t i = images->count; i-- > 0;)
        if (images->items[i].path && maqet_strings_has(paths, images->items[i].path))
            maqet_images_remove(images, i);
    return images->count < before;
}

int
maqet_left_images_write(const struct maqet_context *context,
                        const struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_free_ char *path = list_path(context);

    return maqet_images_write(path, images, err);
}

int
maqet_left_images_add(const struct maqet_context *context,
                      const struct maqet_images *records,
                      const struct maqet_strings *gone, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);

    if (lock < 0 || maqet_left_images_read(context, &images, err) < 0)
        return -1;
    bool changed = drop_records(&images, gone);
    for (size_t i = 0; i < records->count; i++) {
        const struct maqet_image_record *record = &records->items[i];

        /* One that never got its name was never there. Of the others' images, those with
         * a backing file count, which nobody may write to. */
        if (!(record->created || record->bases.count > 0) || !record->path ||
            maqet_strings_has(gone, record->path) ||
            (record->seen == 0 && access(record->path, F_OK) < 0))
            continue;
        put_record(&images, record);
        changed = true;
    }
    return changed ? maqet_left_images_write(context, &images, err) : 0;
}

/* Whether a machine has the very image by now. */
static bool
is_among(const struct maqet_images *records, const struct maqet_image_record *record)
{
    for (size_t i = 0; record->path && i < records->count; i++) {
        const struct maqet_image_record *own = &records->items[i];

        if (own->path && strcmp(own->path, record->path) == 0 && own->seen > 0 &&
            maqet_file_id_is_same_file(&own->id, &record->id))
            return true;
    }
    return false;
}

/* On what such images depend stands in the machine's own records. */
static bool
take_over(struct maqet_images *images, const struct maqet_images *records)
{
    bool changed = false;

    for (size_t i = images->count; i-- > 0;) {
        struct maqet_image_record *record = &images->items[i];

        if (record->bases.count == 0 || !is_among(records, record))
            continue;
        changed = true;
        if (!record->created) {
            maqet_images_remove(images, i);
            continue;
        }
        maqet_chain_clear(&record->bases);
    }
    return changed;
}

int
maqet_left_images_take_over(const struct maqet_context *context,
                            const struct maqet_images *records, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};

    /* Mostly there is nothing to take over, and no lock to wait for. */
    if (maqet_left_images_read(context, &images, err) < 0)
        return -1;
    if (!take_over(&images, records))
        return 0;
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);
    if (lock < 0 || maqet_left_images_read(context, &images, err) < 0)
        return -1;
    return take_over(&images, records) ? maqet_left_images_write(context, &images, err)
                                       : 0;
}
