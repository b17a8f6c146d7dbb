/* SPDX-License-Identifier: MIT */
#include "core/storage/fault.h"

#include <string.h>

/* The type that the entry names. */
static const char *
type_of(const struct maqet_drive *drive)
{
    const char *type = maqet_tree_text(drive->tree, "type");

    return type && *type ? type : MAQET_DEFAULT_STORAGE;
}

void
maqet_drive_stand_in(struct maqet_drive *drive)
{
    const char *media = maqet_tree_text(drive->tree, "media");
    const char *readonly = maqet_tree_text(drive->tree, "readonly");

    if (!drive->name)
        drive->name = maqet_strdup("?");
    /* A relative path was not checked, and so not made absolute. */
    if (drive->path && drive->path[0] != '/')
        maqet_drive_set_top(drive, NULL);
    if (media && strcmp(media, "cdrom") == 0)
        drive->media = MAQET_MEDIA_CDROM;
    if (readonly)
        maqet_parse_bool(readonly, &drive->readonly);
    drive->iface = NULL;
    drive->storage = maqet_storage_stand_in(type_of(drive));
}

bool
maqet_drive_is_unknown(const struct maqet_drive *drive)
{
    return drive->fault_of == MAQET_FAULT_ENTRY;
}

int
maqet_drive_check_sound(const struct maqet_drive *drive, struct maqet_error **err)
{
    return drive->fault ? maqet_error_copy(err, drive->fault) : 0;
}

int
maqet_drive_check_storage(const struct maqet_drive *drive, struct maqet_error **err)
{
    return drive->fault_of == MAQET_FAULT_INTERFACE ? 0
                                                    : maqet_drive_check_sound(drive, err);
}

int
maqet_drive_check_known(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_drive_is_unknown(drive) ? maqet_drive_check_sound(drive, err) : 0;
}

char *
maqet_drive_presumed_path(const struct maqet_drive *drive)
{
    return maqet_format("%s/maqet-%s-%s.%s", drive->machine->storage_dir,
                        drive->machine->vm_name, drive->name, type_of(drive));
}
