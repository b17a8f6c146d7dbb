/* SPDX-License-Identifier: MIT */
#include "core/machine/images_file.h"

#include <string.h>

#include "core/base/json.h"

/* ---- the list ---- */

void
maqet_images_clear(struct maqet_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        maqet_image_record_clear(&images->items[i]);
    free(images->items);
    *images = (struct maqet_images){0};
}

struct maqet_image_record *
maqet_images_append(struct maqet_images *images)
{
    images->items =
        maqet_realloc(images->items, (images->count + 1) * sizeof(*images->items));
    struct maqet_image_record *record = &images->items[images->count++];
    *record = (struct maqet_image_record){0};
    return record;
}

void
maqet_images_remove(struct maqet_images *images, size_t index)
{
    maqet_image_record_clear(&images->items[index]);
    memmove(&images->items[index], &images->items[index + 1],
            (--images->count - index) * sizeof(*images->items));
}

struct maqet_image_record *
maqet_images_find(const struct maqet_images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->items[i].path && strcmp(images->items[i].path, path) == 0)
            return &images->items[i];
    return NULL;
}

/* ---- as a file ---- */

enum { FORMAT = 1 };

struct images_file {
    int format;
    struct maqet_images images;
};

static const struct maqet_field file_rows[] = {
    {"format", MAQET_FIELD(struct images_file, format)},
    {"images", MAQET_FIELD_LIST(struct images_file, images.items, images.count,
                                &maqet_image_record_fields)},
    {0},
};
static const struct maqet_fields file_fields =
    MAQET_FIELDS(struct images_file, file_rows);

int
maqet_images_write(const char *path, const struct maqet_images *images,
                   struct maqet_error **err)
{
    const struct images_file contents = {FORMAT, *images};
    _cleanup_json_ json_object *file = maqet_fields_to_json(&file_fields, &contents);

    return maqet_json_write(path, file, err);
}

/* What a file is not one of ours for; 0: it is. */
static int
contents_check(const struct images_file *contents, struct maqet_error **err)
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

int
maqet_images_read(const char *path, struct maqet_images *images, struct maqet_error **err)
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
        contents_check(&contents, &reason) == 0) {
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

/* An array of {"path": …, "device": …, "inode": …, "birth": …}. */
int
maqet_images_read_created(const char *path, struct maqet_images *images,
                          struct maqet_error **err)
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
        struct maqet_image_record *record = maqet_images_append(images);
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
