/* SPDX-License-Identifier: MIT */
/*
 * assign.h - `--set KEY=VALUE`.
 */
#ifndef MAQET_CONFIG_ASSIGN_H
#define MAQET_CONFIG_ASSIGN_H

#include "core/config/tree.h"

/*
 * Merges "KEY=VALUE" into a tree. KEY is a top-level key, `storage.DRIVE.KEY` (the tree
 * has that drive; the key may lead into mappings, as in storage.hdd.encryption.format) or
 * `arguments.OPTION`. VALUE is a flow collection or a text in quotes, as in YAML, or else
 * the text as it stands; empty, `~` and `null` are null. Relative paths start at @folder.
 */
int maqet_assign(json_object *tree, const char *assignment, const char *folder,
                 struct maqet_error **err);

#endif
