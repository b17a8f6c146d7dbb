/* SPDX-License-Identifier: MIT */
/*
 * saved.h - a tree as it is stored.
 */
#ifndef MAQET_CONFIG_SAVED_H
#define MAQET_CONFIG_SAVED_H

#include "core/config/tree.h"

/* The tree (shared) with its places as JSON, to be stored, and back; saved.c has the
 * form. Stored file names are absolute. NULL: an error, @stored is not of that form. */
json_object *maqet_tree_save(json_object *tree);
json_object *maqet_tree_load(json_object *stored, struct maqet_error **err);

#endif
