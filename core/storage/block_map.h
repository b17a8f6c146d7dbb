/* SPDX-License-Identifier: MIT */
/*
 * block_map.h - which parts of an image have data, and at which depth of its backing chain, as
 * qemu-img lists them (`qemu-img map`).
 */
#ifndef MAQET_STORAGE_BLOCK_MAP_H
#define MAQET_STORAGE_BLOCK_MAP_H

#include <json-c/json.h>

#include "core/storage/drive.h"

/* The list of a node of a drive with overlays, without those that it stands on; @id 0 is the image
 * below them, and the image of a drive without any, with its backing chain. NULL: it cannot be
 * read. The caller puts it. */
json_object *maqet_block_map(const struct maqet_drive *drive, uint64_t id);

/* Whether an entry of the list is data, which takes up space; zeroes do not. *depth: 0 if the node
 * itself holds it. */
bool maqet_block_map_is_data(json_object *entry, int64_t *depth);

#endif
