/* SPDX-License-Identifier: MIT */
/*
 * overlay_name.h - what the nodes of overlays (overlays.h) are called in QEMU.
 */
#ifndef MAQET_STORAGE_OVERLAY_NAME_H
#define MAQET_STORAGE_OVERLAY_NAME_H

#include <stdbool.h>
#include <stdint.h>

/* The node-name of a node: DRIVE for node 0, else "maqet-DRIVE_ID". The caller frees. */
char *maqet_overlay_node_name(const char *drive, uint64_t id);

/* The mark (core/qemu/hotplug_files.h) of the files that a running QEMU was passed for a node. The
 * caller frees. */
char *maqet_overlay_mark(const char *drive, uint64_t id);

/* Whether a node-name is that of a node of this drive. */
bool maqet_overlay_is_node_of(const char *drive, const char *name);

#endif
