/* SPDX-License-Identifier: MIT */
/*
 * merge.h - several files and `--set` make one tree. Mappings merge deep, lists concatenate,
 * scalars are replaced. Two top-level lists know what their items are: a `storage` entry is
 * merged into the earlier one of the same name, and in `arguments` an item that QEMU takes
 * once (-m, -smp, -machine or -M, -cpu, -display, -vga, -kernel, -initrd, -append, -accel)
 * replaces the earlier one, while the rest accumulates.
 */
#ifndef MAQET_CONFIG_MERGE_H
#define MAQET_CONFIG_MERGE_H

#include "core/config/tree.h"

/* Merges @later into @base. @later is left as it was. */
int maqet_merge(json_object *base, json_object *later, struct maqet_error **err);

/*
 * The tree that "KEY=VALUE" means, to be merged: KEY is a top-level key, `storage.DRIVE.KEY`
 * or `arguments.OPTION`; VALUE is read as YAML ("a: b" is not split: only scalars and flow
 * collections). Relative paths start at @folder. NULL on error.
 */
json_object *maqet_assignment_parse(const char *assignment, const char *folder,
                                    struct maqet_error **err);

#endif
