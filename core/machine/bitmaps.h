/* SPDX-License-Identifier: MIT */
/*
 * bitmaps.h - QEMU's persistent dirty bitmaps (QEMU: docs/interop/bitmaps): a bitmap records
 * which blocks of a drive were written to since a backup, and is stored in the drive's image
 * when QEMU closes that.
 *
 * QEMU itself sees to it that a bitmap says too much rather than too little: one that was in
 * use when QEMU was killed is inconsistent, and an image with bitmaps is not reverted to a
 * snapshot that is inside of it. Such snapshots and bitmaps do not go together at all: when an
 * image that has both is repaired, QEMU 7.2 loses all snapshots. The name says of which drive, and since which backup: so it is found only where it
 * belongs, wherever the image is moved to.
 */
#ifndef MAQET_MACHINE_BITMAPS_H
#define MAQET_MACHINE_BITMAPS_H

#include "core/machine/opened.h"

/* The name of the bitmap of a drive since a backup: "maqet-CHAIN-ID-DRIVE". The caller frees.
 */
char *maqet_bitmap_name(const char *chain, const char *id, const char *drive);

/* Whether a node has a bitmap of that name that can be relied on; @nodes is QEMU's list
 * (maqet_monitor_nodes). If not, *why gets the reason, a phrase; the caller frees. */
bool maqet_bitmap_is_usable(json_object *nodes, const char *node, const char *name,
                            char **why);

/* Has QEMU record from now on what is written to a node. False: the node cannot store it. */
bool maqet_bitmap_add(struct maqet_opened *machine, const char *node, const char *name);

/* Removes a bitmap, which need not be there. */
void maqet_bitmap_remove(struct maqet_opened *machine, const char *node,
                         const char *name);

/* Removes all bitmaps of backups from the nodes of some drives, which are about to get
 * snapshots that are inside of their images. */
int maqet_bitmaps_give_up(struct maqet_opened *machine, const char *const *nodes,
                          size_t count, struct maqet_error **err);

/* Whether a node's image has snapshots in it. */
bool maqet_bitmap_is_excluded(json_object *nodes, const char *node);

/* Removes bitmaps of backups from a node: all of @chain except for @kept (may be NULL), and
 * of other chains the oldest ones, as each of them costs time and memory. */
void maqet_bitmaps_sweep(struct maqet_opened *machine, json_object *nodes,
                         const char *node, const char *chain, const char *kept);

#endif
