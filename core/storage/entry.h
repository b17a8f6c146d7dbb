/* SPDX-License-Identifier: MIT */
/*
 * entry.h - from an entry of the `storage` list to a drive: its keys are checked against
 * the tables of its plugins, which then validate it.
 */
#ifndef MAQET_STORAGE_ENTRY_H
#define MAQET_STORAGE_ENTRY_H

#include "core/storage/drive.h"

/* Checks an entry of the list (not taken; its paths become absolute) and loads its
 * plugins. Nothing on the disk is looked at but by the plugins' validate. NULL on error.
 */
struct maqet_drive *maqet_drive_new(const struct maqet_context *context,
                                    const struct maqet_machine *machine,
                                    json_object *entry, struct maqet_error **err);

/* The same for whoever can do with a part of it: never NULL. A drive that can't be used
 * as it is defined has a fault, and is as complete as it can be. */
struct maqet_drive *maqet_drive_look(const struct maqet_context *context,
                                     const struct maqet_machine *machine,
                                     json_object *entry);
void maqet_drive_free(struct maqet_drive *drive);

/* The keys of the core that every drive, or every share, may have. */
extern const struct maqet_option maqet_drive_options[], maqet_share_options[];

/* Those of a drive whose storage is a file (path_option). Options of its plugins with the
 * same names take precedence. */
extern const struct maqet_option maqet_drive_file_options[];

#endif
