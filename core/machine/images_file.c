/* SPDX-License-Identifier: MIT */
/* images_file.c - lists of image records (core/storage/record.h) as JSON files. */
#include "core/base/json.h"
#include "core/machine/images.h"

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
                    "%s is damaged, or was written by a later maqet: %s", path,
                    reason->message);
    maqet_error_hint(err,
                     "Move it away to go on without: maqet then no longer knows which "
                     "images it has created, and which were there");
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
