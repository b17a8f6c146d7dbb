/* SPDX-License-Identifier: MIT */
/*
 * merge.h - several files and `--set` become one tree. Mappings are merged recursively,
 * lists are concatenated, texts are replaced; a null takes an earlier text back, and
 * changes no mapping and no list. In a drive, where a single value is a list of one, a
 * list and another value are concatenated, too. Two lists of the top level differ: an entry of
 * `storage` is merged into the earlier one of the same name; in `arguments`, an option
 * that QEMU takes once (MAQET_QEMU_LAST), -m, -smp, -machine (or -M) and -accel replaces
 * the earlier one, and an option without a value is not repeated.
 */
#ifndef MAQET_MACHINE_MERGE_H
#define MAQET_MACHINE_MERGE_H

#include "core/config/tree.h"

/* Merges @later into @base, places included. @later is not changed; both share the values
 * that @base did not have. After an error, such as a list over a mapping, @base must not
 * be used. */
int maqet_merge(json_object *base, json_object *later, struct maqet_error **err);

/* Merges "KEY=VALUE" into a tree. KEY is a top-level key, storage.DRIVE.KEY (of a drive
 * of the tree; dots in KEY lead into mappings), arguments.OPTION or sandbox.KEY. VALUE is
 * a flow collection or a quoted text, as in YAML, or else plain text; empty, `~` and
 * `null` are null. Relative paths start at @folder. */
int maqet_assign(json_object *tree, const char *assignment, const char *folder,
                 struct maqet_error **err);

/* A new entry of `storage`: the drive's name, and "KEY=VALUE" as above, where KEY is one of
 * its keys (dots lead into mappings). The caller puts it; NULL on error. */
json_object *maqet_assign_entry(const char *name, const struct maqet_strings *assignments,
                                const char *folder, struct maqet_error **err);

#endif
