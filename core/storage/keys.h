/* SPDX-License-Identifier: MIT */
/*
 * keys.h - whose the keys of an entry are: the core's, the storage's or the interface's.
 * Each has an option table of its own. A plain key belongs to the one that has it, and to
 * a plugin rather than to the core; below `drive_options`, `storage_options` and
 * `interface_options`, keys belong to the one that is named. So a new key of the core
 * never takes one from a plugin, and two plugins may use the same name.
 */
#ifndef MAQET_STORAGE_KEYS_H
#define MAQET_STORAGE_KEYS_H

#include "core/storage/drive.h"

/* Sorts the keys of the drive's entry by the tables of drive->options, whose trees it
 * makes, and checks their values. Paths become absolute, in the entry as well. @attached:
 * the interface is known; otherwise unknown keys may be its own. */
int maqet_keys_sort(struct maqet_drive *drive, bool attached, struct maqet_error **err);

/* The keys by which drives of some types declare their backing files, and the formats of these: a list as
 * long, or one for all. */
#define MAQET_KEY_BACKING_FILE "backing_file"
#define MAQET_KEY_BACKING_FORMAT "backing_format"

/* The mapping of an entry in which the option of its storage is written, plainly or below
 * `storage_options`; NULL: it is not. */
json_object *maqet_keys_container(json_object *entry, const char *option);

/* Removes an option of the storage from an entry, in whatever form it is written. */
void maqet_keys_remove(json_object *entry, const char *option);

/* Sets an option of the storage, where the entry has it or else plainly. The interface has no
 * option of that name. */
void maqet_keys_set_storage(json_object *entry, const char *option, const char *value);

/* Sets an option of every drive, where the entry has it (also below `drive_options`) or else
 * plainly. */
void maqet_keys_set_core(json_object *entry, const char *option, const char *value,
                         struct maqet_place place);

/* What makes the drive read-only, for hints: "`readonly: on`", or in the full form if the
 * interface has an option of that name. NULL: its type has no such option. The caller
 * frees. */
char *maqet_keys_readonly(const struct maqet_drive *drive);

#endif
