/* SPDX-License-Identifier: MIT */
/*
 * relocation_entry.h - the entry of a drive, changed for another image.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_ENTRY_H
#define MAQET_LIFECYCLE_RELOCATION_ENTRY_H

#include "core/storage/drive.h"

/* A copy of an entry (that of @drive, in whatever definition) that names the image @path, of the
 * type @type (NULL: the same). Options that only the old type has are left out: *dropped gets
 * their names. MAQET_ERROR_UNSUPPORTED: they say more than how the image was created, so that
 * the new one would lack something. The caller puts it; NULL: an error. */
json_object *maqet_relocation_entry(const struct maqet_drive *drive, json_object *entry,
                                    const struct maqet_storage *type, const char *path,
                                    struct maqet_strings *dropped,
                                    struct maqet_error **err);

/* Has an entry say the size of its image, which is created. Options of its @type say it. */
void maqet_relocation_entry_size(json_object *entry, const struct maqet_storage *type,
                                 uint64_t bytes);

#endif
