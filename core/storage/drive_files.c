/* SPDX-License-Identifier: MIT */
#include "core/storage/drive_files.h"

#include <string.h>

void
maqet_drive_files_clear(struct maqet_drive *drive)
{
    for (size_t i = 0; i < drive->file_count; i++) {
        free(drive->files[i].option);
        free(drive->files[i].path);
    }
    free(drive->files);
    drive->files = NULL;
    drive->file_count = 0;
}

static struct maqet_drive_file *
find(const struct maqet_drive *drive, const char *option)
{
    for (size_t i = 0; i < drive->file_count; i++)
        if (strcmp(drive->files[i].option, option) == 0)
            return &drive->files[i];
    return NULL;
}

const struct maqet_drive_file *
maqet_drive_files_find(const struct maqet_drive *drive, const char *option)
{
    return find(drive, option);
}

void
maqet_drive_files_note(struct maqet_drive *drive, const char *option, const char *path,
                       const struct maqet_file_id *id)
{
    struct maqet_drive_file *file = find(drive, option);

    if (!file) {
        drive->files =
            maqet_realloc(drive->files, (drive->file_count + 1) * sizeof(*drive->files));
        file = &drive->files[drive->file_count++];
        *file = (struct maqet_drive_file){.option = maqet_strdup(option)};
    }
    free(file->path);
    file->path = maqet_strdup(path);
    file->id = *id;
}

/* @prefix: what stands before the names of a nested mapping's options. */
static void
look_at_options(struct maqet_drive *drive, const struct maqet_option *rows,
                const char *prefix)
{
    const char *image = drive->storage->plugin.path_option;

    for (const struct maqet_option *row = rows; row && row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", prefix, row->name);
        struct maqet_file_id id;

        if (row->type == MAQET_OPTION_MAP) {
            _cleanup_free_ char *inner = maqet_format("%s.", name);
            look_at_options(drive, row->options, inner);
        }
        if (row->type != MAQET_OPTION_PATH || (image && strcmp(name, image) == 0))
            continue;
        const char *path = maqet_drive_string(drive, name);
        if (path && maqet_file_id_of_target(path, &id))
            maqet_drive_files_note(drive, name, path, &id);
    }
}

void
maqet_drive_files_look(struct maqet_drive *drive)
{
    maqet_drive_files_clear(drive);
    look_at_options(drive, drive->storage->common.options, "");
    if (drive->iface)
        look_at_options(drive, drive->iface->common.options, "");
}

int
maqet_drive_files_error(const struct maqet_drive *drive,
                        const struct maqet_drive_file *file, bool there,
                        struct maqet_error **err)
{
    maqet_drive_error(drive, file->option, err,
                      there ? MAQET_ERROR_FAILED : MAQET_ERROR_MISSING,
                      there ? "another file has come in the place of %s since that was "
                              "checked, so it is not used"
                            : "%s is gone, which was there when it was checked",
                      file->path);
    maqet_error_hint(err, "Find out who changes the folder; keep it in one that only you "
                          "can write");
    return -1;
}

int
maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    for (size_t i = 0; i < drive->file_count; i++) {
        const struct maqet_drive_file *file = &drive->files[i];
        struct maqet_file_id now;
        bool there = maqet_file_id_of_target(file->path, &now);

        if (!there || !maqet_file_id_equal(&now, &file->id))
            return maqet_drive_files_error(drive, file, there, err);
    }
    return 0;
}
