/* SPDX-License-Identifier: MIT */
/*
 * saved.h - a tree as it is stored.
 */
#ifndef MAQET_CONFIG_SAVED_H
#define MAQET_CONFIG_SAVED_H

#include "core/config/tree.h"

/*
 * The tree as plain json with its places (saved.c has the form), to be stored, and back.
 * It nests one level deeper than the tree (json-c's parser must be told: it stops at 32).
 * Stored file names are absolute. maqet_tree_load returns NULL and an error when @stored
 * is not of that form.
 */
json_object *maqet_tree_save(json_object *tree);
json_object *maqet_tree_load(json_object *stored, struct maqet_error **err);

#endif
