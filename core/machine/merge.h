/* SPDX-License-Identifier: MIT */
/*
 * merge.h - several files and `--set` make one tree. Mappings merge deep, lists
 * concatenate, texts are replaced; a null takes an earlier text back, and changes no
 * mapping and no list. Two top-level lists know what their items are: a `storage` entry
 * is merged into the earlier one of the same name, and in `arguments` an item that QEMU
 * takes once (-cpu, -display, -kernel and the like: "last" in core/qemu/qemu_options.c),
 * -m, -smp, -machine (or -M) and -accel replace the earlier one, while the rest
 * accumulates, but for an option without a value that was there.
 */
#ifndef MAQET_MACHINE_MERGE_H
#define MAQET_MACHINE_MERGE_H

#include "core/config/tree.h"

/* Merges @later into @base, places included. @later stays as it was; what @base did not
 * have is in both then. After an error, such as a list over a mapping, @base is of no
 * more use. */
int maqet_merge(json_object *base, json_object *later, struct maqet_error **err);

/* Merges "KEY=VALUE" into a tree. KEY is a top-level key, storage.DRIVE.KEY (of a drive
 * of the tree; the key may lead into mappings), arguments.OPTION or sandbox.KEY. VALUE is
 * a flow collection or a text in quotes, as in YAML, or else the text as it stands;
 * empty, `~` and `null` are null. Relative paths start at @folder. */
int maqet_assign(json_object *tree, const char *assignment, const char *folder,
                 struct maqet_error **err);

#endif
