/* SPDX-License-Identifier: MIT */
/*
 * saved.h - the form in which a tree is stored (saved.c).
 */
#ifndef MAQET_CONFIG_SAVED_H
#define MAQET_CONFIG_SAVED_H

#include "core/config/tree.h"

/* Converts a tree (shared), with its places, to JSON and back. Stored file names are
 * absolute. NULL: an error, @stored is not of that form. */
json_object *maqet_tree_save(json_object *tree);
json_object *maqet_tree_load(json_object *stored, struct maqet_error **err);

#endif
