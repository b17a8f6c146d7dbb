/* SPDX-License-Identifier: MIT */
/*
 * images_file.c - lists of image records as JSON: {"format": 1, "images": [{"drive": …,
 * "type": …, "path": …, "device": …, "inode": …, "birth": …, "size": …, "created": …,
 * "seen": …, "bases": [{"option": …, "path": …, …, "mtime": …, "checksum": …}]}]}.
 */
#include "core/base/json.h"
#include "core/machine/images.h"

enum { FORMAT = 1 };

static void
add_text(json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

static void
add_id(json_object *object, const struct maqet_file_id *id)
{
    json_object_object_add(object, "device", json_object_new_uint64(id->device));
    json_object_object_add(object, "inode", json_object_new_uint64(id->inode));
    json_object_object_add(object, "birth", json_object_new_uint64(id->birth));
}

static uint64_t
unsigned_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : 0;
}

static void
read_id(json_object *object, struct maqet_file_id *id)
{
    id->device = unsigned_of(object, "device");
    id->inode = unsigned_of(object, "inode");
    id->birth = unsigned_of(object, "birth");
}

/* ---- writing ---- */

static json_object *
base_object(const struct maqet_base_record *base)
{
    json_object *object = json_object_new_object();

    add_text(object, "option", base->option);
    add_text(object, "path", base->path);
    add_id(object, &base->id);
    json_object_object_add(object, "size", json_object_new_uint64(base->size));
    json_object_object_add(object, "mtime", json_object_new_int64(base->mtime));
    add_text(object, "checksum", base->checksum);
    return object;
}

static json_object *
record_object(const struct maqet_image_record *record)
{
    json_object *object = json_object_new_object(), *bases = json_object_new_array();

    add_text(object, "drive", record->drive);
    add_text(object, "type", record->type);
    add_text(object, "path", record->path);
    add_text(object, "place", record->place);
    add_id(object, &record->id);
    json_object_object_add(object, "size", json_object_new_uint64(record->size));
    json_object_object_add(object, "created", json_object_new_boolean(record->created));
    add_text(object, "vm", record->vm);
    add_text(object, "uuid", record->uuid);
    add_text(object, "data_dir", record->data_dir);
    json_object_object_add(object, "seen", json_object_new_int64(record->seen));
    for (size_t i = 0; i < record->base_count; i++)
        json_object_array_add(bases, base_object(&record->bases[i]));
    json_object_object_add(object, "bases", bases);
    return object;
}

int
maqet_images_write(const char *path, const struct maqet_images *images,
                   struct maqet_error **err)
{
    _cleanup_json_ json_object *file = json_object_new_object();
    json_object *list = json_object_new_array();

    json_object_object_add(file, "format", json_object_new_int(FORMAT));
    for (size_t i = 0; i < images->count; i++)
        json_object_array_add(list, record_object(&images->items[i]));
    json_object_object_add(file, "images", list);
    return maqet_json_write(path, file, err);
}

/* ---- reading ---- */

/* False: it lacks what makes it one. */
static bool
read_base(json_object *object, struct maqet_base_record *base)
{
    base->option = maqet_strdup(maqet_json_text(object, "option"));
    base->path = maqet_strdup(maqet_json_text(object, "path"));
    base->checksum = maqet_strdup(maqet_json_text(object, "checksum"));
    base->size = unsigned_of(object, "size");
    base->mtime = maqet_json_int(object, "mtime");
    read_id(object, &base->id);
    return base->option && base->path && base->checksum;
}

static bool
read_record(json_object *object, struct maqet_image_record *record)
{
    json_object *bases = json_object_object_get(object, "bases");
    size_t count =
        json_object_is_type(bases, json_type_array) ? json_object_array_length(bases) : 0;

    record->drive = maqet_strdup(maqet_json_text(object, "drive"));
    record->type = maqet_strdup(maqet_json_text(object, "type"));
    record->path = maqet_strdup(maqet_json_text(object, "path"));
    record->place = maqet_strdup(maqet_json_text(object, "place"));
    read_id(object, &record->id);
    record->size = unsigned_of(object, "size");
    record->created = json_object_get_boolean(json_object_object_get(object, "created"));
    record->vm = maqet_strdup(maqet_json_text(object, "vm"));
    record->uuid = maqet_strdup(maqet_json_text(object, "uuid"));
    record->data_dir = maqet_strdup(maqet_json_text(object, "data_dir"));
    record->seen = maqet_json_int(object, "seen");
    record->bases = maqet_alloc(count * sizeof(*record->bases) + 1);
    for (size_t i = 0; i < count; i++) {
        record->base_count = i + 1; /* whatever it has by then is freed */
        if (!read_base(json_object_array_get_idx(bases, i), &record->bases[i]))
            return false;
    }
    return record->drive && record->type && (record->path || record->place);
}

static bool
read_records(json_object *file, struct maqet_images *images)
{
    json_object *list = NULL;

    json_object_object_get_ex(file, "images", &list);
    if (maqet_json_int(file, "format") != FORMAT ||
        !json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!read_record(json_object_array_get_idx(list, i), maqet_images_append(images)))
            return false;
    return true;
}

int
maqet_images_read(const char *path, struct maqet_images *images, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_images_clear(images);
    _cleanup_json_ json_object *file = maqet_json_read(path, &reason);
    if (!file)
        return reason->code == MAQET_ERROR_MISSING
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    if (read_records(file, images))
        return 0;
    maqet_images_clear(images);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later maqet", path);
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
        read_id(entry, &record->id);
    }
    return 0;
}
