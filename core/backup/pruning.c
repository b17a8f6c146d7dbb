/* SPDX-License-Identifier: MIT */
#include "core/backup/pruning.h"

#include <string.h>

#include "core/base/field.h"
#include "core/base/files.h"
#include "core/base/json.h"

#define PRUNING_FILE ".pruning.json"

static const struct maqet_fields image_fields = MAQET_FIELDS_OF(
    struct maqet_pruned_image, {"id", MAQET_FIELD(struct maqet_pruned_image, id)},
    {"drive", MAQET_FIELD(struct maqet_pruned_image, drive)},
    {"below", MAQET_FIELD(struct maqet_pruned_image, below)},
    {"below_file", MAQET_FIELD(struct maqet_pruned_image, below_file)},
    {"replaced", MAQET_FIELD(struct maqet_pruned_image, replaced)},
    {"base", MAQET_FIELD(struct maqet_pruned_image, base), .optional = true},
    {"size", MAQET_FIELD(struct maqet_pruned_image, size)},
    {"modified", MAQET_FIELD(struct maqet_pruned_image, modified)},
    {"checksum", MAQET_FIELD(struct maqet_pruned_image, checksum)});

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_pruning, {"going", MAQET_FIELD(struct maqet_pruning, going)},
    {"images", MAQET_FIELD_LIST(struct maqet_pruning, images, count, &image_fields)},
    {"growing", MAQET_FIELD(struct maqet_pruning, growing), .optional = true},
    {"growing_drive", MAQET_FIELD(struct maqet_pruning, growing_drive),
     .optional = true});

void
maqet_pruning_clear(struct maqet_pruning *pruning)
{
    maqet_fields_clear(&fields, pruning);
}

static char *
path_of(const char *folder, const char *vm)
{
    return maqet_format("%s/%s/" PRUNING_FILE, folder, vm);
}

/* Whether nothing in it leads out of the folder. */
static bool
is_sound(const struct maqet_pruning *pruning)
{
    for (size_t i = 0; i < pruning->going.count; i++)
        if (!maqet_backup_is_id(pruning->going.items[i]))
            return false;
    for (size_t i = 0; i < pruning->count; i++) {
        const struct maqet_pruned_image *image = &pruning->images[i];

        if (!maqet_backup_is_id(image->id) || !maqet_backup_is_id(image->below) ||
            !image->below_file[0] || image->below_file[0] == '.' ||
            strchr(image->below_file, '/') ||
            (image->base && (!maqet_backup_is_id(image->base) ||
                             strcmp(image->base, image->below) >= 0)))
            return false;
    }
    return true;
}

int
maqet_pruning_read(const char *folder, const char *vm, struct maqet_pruning *pruning,
                   struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(folder, vm);

    *pruning = (struct maqet_pruning){0};
    if (maqet_file_missing(path))
        return 0;
    _cleanup_json_ json_object *json = maqet_json_read_plain(path, err);
    if (!json)
        return -1;
    if (maqet_fields_from_json(&fields, json, pruning, NULL) == 0 && is_sound(pruning))
        return 0;
    maqet_pruning_clear(pruning);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged; it says which backups of VM '%s' were being deleted",
                    path, vm);
    maqet_error_hint(err, "Restore it from a copy of the folder");
    return -1;
}

int
maqet_pruning_write(const char *folder, const char *vm,
                    const struct maqet_pruning *pruning, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(folder, vm);

    if (pruning->going.count == 0)
        return maqet_file_remove(path, err);
    _cleanup_json_ json_object *json = maqet_fields_to_json(&fields, pruning);
    return maqet_json_write(path, json, err);
}

bool
maqet_pruned_image_apply(const struct maqet_pruned_image *image,
                         struct maqet_backup *backup)
{
    for (size_t i = 0; i < backup->drive_count; i++) {
        struct maqet_backup_drive *drive = &backup->drives[i];

        if (strcmp(drive->name, image->drive) != 0 || !drive->base ||
            strcmp(drive->base, image->below) != 0)
            continue;
        free(drive->base);
        free(drive->why);
        free(drive->checksum);
        drive->base = maqet_strdup(image->base);
        drive->incremental = drive->base != NULL;
        drive->why =
            drive->base ? NULL : maqet_strdup("the backup that it stood on was deleted");
        drive->size = image->size;
        drive->modified = image->modified;
        drive->checksum = maqet_strdup(image->checksum);
        return true;
    }
    return false;
}

/* Whether an image has its content already. One that is replaced has it when the other one is
 * gone from its place. */
static bool
is_in_place(const struct maqet_pruned_image *image, const char *folder, const char *vm)
{
    _cleanup_free_ char *path =
        maqet_format("%s/%s/%s/%s", folder, vm, image->below, image->below_file);

    return !image->replaced || maqet_file_missing(path);
}

void
maqet_pruning_apply(const struct maqet_pruning *pruning, const char *folder,
                    const char *vm, struct maqet_backup *backup)
{
    for (size_t i = 0; i < pruning->count; i++)
        if (strcmp(pruning->images[i].id, backup->id) == 0 &&
            is_in_place(&pruning->images[i], folder, vm))
            maqet_pruned_image_apply(&pruning->images[i], backup);
}
