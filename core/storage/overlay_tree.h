/* SPDX-License-Identifier: MIT */
/*
 * overlay_tree.h - whether what the record of the overlays of a drive says can be relied on.
 */
#ifndef MAQET_STORAGE_OVERLAY_TREE_H
#define MAQET_STORAGE_OVERLAY_TREE_H

#include "core/storage/overlays.h"

/* Whether ids and files are distinct, each node stands on an earlier one, and each file, which is still the name in
 * the record, is in the folder. Node 0 comes first. */
bool maqet_overlay_tree_is_sound(const struct maqet_overlays *overlays);

/* Whether it is known which storage that is no file overlays stand on. What a tree without overlays says of it, of
 * one that could not be created, is forgotten: nothing stands on it. */
bool maqet_overlay_tree_is_complete(struct maqet_overlays *overlays);

#endif
