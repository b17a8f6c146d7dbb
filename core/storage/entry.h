/* SPDX-License-Identifier: MIT */
/*
 * entry.h - makes a drive from an entry of the `storage` list: checks its keys against
 * the option tables of its plugins, which then validate it.
 */
#ifndef MAQET_STORAGE_ENTRY_H
#define MAQET_STORAGE_ENTRY_H

#include "core/storage/drive.h"

/* Checks an entry (not taken; its paths become absolute) and loads its plugins. Only the
 * plugins' validate inspects anything on the disk. NULL on error. */
struct maqet_drive *maqet_drive_new(const struct maqet_context *context,
                                    const struct maqet_machine *machine,
                                    json_object *entry, struct maqet_error **err);

/* The same for callers that can use a part of the drive; never NULL. A drive that cannot
 * be used as it is defined has a fault, and is otherwise as complete as possible. */
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
