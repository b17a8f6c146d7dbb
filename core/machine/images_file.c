/* SPDX-License-Identifier: MIT */
#include "core/machine/images_file.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"

/* ---- the list ---- */

void
maqet_images_clear(struct maqet_images *images)
{
    maqet_fields_list_free(&maqet_image_record_fields, images->items, images->count);
    *images = (struct maqet_images){0};
}

void
maqet_images_remove(struct maqet_images *images, size_t index)
{
    maqet_fields_clear(&maqet_image_record_fields, &images->items[index]);
    memmove(&images->items[index], &images->items[index + 1],
            (--images->count - index) * sizeof(*images->items));
}

struct maqet_image_record *
maqet_images_find(const struct maqet_images *images, const char *path)
{
    struct maqet_image_record *first = NULL;
    struct maqet_file_id id;
    bool exists = maqet_file_id_of_target(path, &id);

    for (size_t i = 0; i < images->count; i++) {
        struct maqet_image_record *record = &images->items[i];

        if (!record->path || strcmp(record->path, path) != 0)
            continue;
        if (exists && maqet_file_id_is_same_file(&record->id, &id))
            return record;
        if (!first)
            first = record;
    }
    return first;
}

/* ---- files ---- */

enum { FORMAT = 1 };

struct images_file {
    int format;
    struct maqet_images images;
};

static const struct maqet_fields file_fields = MAQET_FIELDS_OF(
    struct images_file, {"format", MAQET_FIELD(struct images_file, format)},
    {"images", MAQET_FIELD_LIST(struct images_file, images.items, images.count,
                                &maqet_image_record_fields)});

static int
check_contents(const struct images_file *contents, struct maqet_error **err)
{
    if (contents->format != FORMAT)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "its format is %d",
                               contents->format);
    for (size_t i = 0; i < contents->images.count; i++)
        if (!contents->images.items[i].path && !contents->images.items[i].place)
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "'images[%zu].path' is missing", i);
    return 0;
}

/* Reads a list; it is empty if there is no file. */
static int
read_list(const char *path, struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct images_file contents = {0};

    maqet_images_clear(images);
    _cleanup_json_ json_object *file = maqet_json_read(path, &reason);
    if (!file)
        return reason->code == MAQET_ERROR_MISSING
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    if (maqet_fields_from_json(&file_fields, file, &contents, &reason) == 0 &&
        check_contents(&contents, &reason) == 0) {
        *images = contents.images;
        return 0;
    }
    maqet_fields_clear(&file_fields, &contents);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later version of maqet: %s", path,
                    reason->message);
    maqet_error_hint(err, "To continue without it, move it away: maqet then no longer "
                          "knows which images it created and which existed before");
    return -1;
}

/* Reads the list that maqet wrote before it had records: an array of {"path": …,
 * "device": …, "inode": …, "birth": …}. */
static int
read_created(const char *path, struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct stat status;

    maqet_images_clear(images);
    _cleanup_json_ json_object *list = maqet_json_read(path, &reason);
    if (!list)
        return reason->code == MAQET_ERROR_MISSING
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    if (!json_object_is_type(list, json_type_array)) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s is damaged", path);
        maqet_error_hint(err, "Move it away; the images that it names will be kept");
        return -1;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *image = maqet_json_text(entry, "path");

        if (!image)
            continue;
        struct maqet_image_record *record = MAQET_APPEND(images->items, images->count);
        record->path = maqet_strdup(image);
        record->drive = maqet_strdup("");
        record->type = maqet_strdup("");
        record->created = true;
        record->seen = stat(path, &status) == 0 ? (int64_t)status.st_mtime : 1;
        record->id.device = (uint64_t)maqet_json_int(entry, "device");
        record->id.inode = (uint64_t)maqet_json_int(entry, "inode");
        record->id.birth = (uint64_t)maqet_json_int(entry, "birth");
    }
    return 0;
}

static char *
path_of(const struct maqet_context *context, const char *name)
{
    return name ? maqet_store_file(context, name, MAQET_STORE_IMAGES)
                : maqet_format("%s/" MAQET_STORE_IMAGES, context->data_dir);
}

int
maqet_images_load(const struct maqet_context *context, const char *name,
                  struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, name);

    if (!name || !maqet_file_missing(path))
        return read_list(path, images, err);
    _cleanup_free_ char *created = maqet_store_file(context, name, MAQET_STORE_CREATED);
    return read_created(created, images, err);
}

int
maqet_images_save(const struct maqet_context *context, const char *name,
                  const struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, name);
    const struct images_file contents = {FORMAT, *images};
    _cleanup_json_ json_object *file = maqet_fields_to_json(&file_fields, &contents);

    return maqet_json_write(path, file, err);
}

/* ---- images without a machine ---- */

/* The record that another one of the same path replaces. That of another file, which may
 * be on a disk that is not mounted, stays if it has backing files. */
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

/* Adds a record to the list. An image stays one that maqet created when a machine that
 * only used it is removed. */
static void
put_record(struct maqet_images *images, const struct maqet_image_record *record)
{
    struct maqet_image_record *known = find_replaced(images, record);
    struct maqet_image_record copy = {0};

    if (!known)
        known = MAQET_APPEND(images->items, images->count);
    maqet_fields_copy(&maqet_image_record_fields, record, &copy, NULL);
    if (known->created && !record->created &&
        maqet_file_id_is_same_file(&known->id, &record->id)) {
        struct maqet_chain bases = known->bases;

        known->bases = copy.bases;
        copy.bases = bases;
        maqet_fields_clear(&maqet_image_record_fields, &copy);
        return;
    }
    maqet_fields_clear(&maqet_image_record_fields, known);
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
maqet_left_images_add(const struct maqet_context *context,
                      const struct maqet_images *records,
                      const struct maqet_strings *gone, struct maqet_error **err)
{
    _cleanup_images_ struct maqet_images images = {0};
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);

    if (lock < 0 || maqet_images_load(context, NULL, &images, err) < 0)
        return -1;
    bool changed = drop_records(&images, gone);
    for (size_t i = 0; i < records->count; i++) {
        const struct maqet_image_record *record = &records->items[i];

        /* An image that never got its name never existed. Images that maqet did not
         * create matter only for their backing files, which nobody may write to. */
        if (!(record->created || record->bases.count > 0) || !record->path ||
            maqet_strings_has(gone, record->path) ||
            (record->seen == 0 && access(record->path, F_OK) < 0))
            continue;
        put_record(&images, record);
        changed = true;
    }
    return changed ? maqet_images_save(context, NULL, &images, err) : 0;
}

/* Whether a machine has recorded the same image. */
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

    /* Usually there is nothing to take over, and no need to wait for the lock. */
    if (maqet_images_load(context, NULL, &images, err) < 0)
        return -1;
    if (!take_over(&images, records))
        return 0;
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);
    if (lock < 0 || maqet_images_load(context, NULL, &images, err) < 0)
        return -1;
    return take_over(&images, records) ? maqet_images_save(context, NULL, &images, err)
                                       : 0;
}
