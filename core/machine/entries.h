/* SPDX-License-Identifier: MIT */
/*
 * entries.h - the entries of the `storage` list of a definition.
 */
#ifndef MAQET_MACHINE_ENTRIES_H
#define MAQET_MACHINE_ENTRIES_H

#include "core/machine/definition.h"
#include "core/storage/drive.h"

/* The entry of the drive of that name, which the definition owns; NULL: there is none. */
json_object *maqet_entries_find(const struct maqet_definition *definition,
                                const char *name);

/* The entry of a drive that is to be changed, likewise. NULL on error:
 * MAQET_ERROR_UNSUPPORTED if the drive has none, because another key adds it. */
json_object *maqet_entries_find_own(const struct maqet_definition *definition,
                                    const struct maqet_drive *drive,
                                    struct maqet_error **err);

/* Replaces the entry of a drive, or appends it (shared) if the definition has none. */
void maqet_entries_put(struct maqet_definition *definition, json_object *entry);

/* Removes the entry of a drive. False: there is none. */
bool maqet_entries_remove(struct maqet_definition *definition, const char *name);

#endif
