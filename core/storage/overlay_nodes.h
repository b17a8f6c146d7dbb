/* SPDX-License-Identifier: MIT */
/*
 * overlay_nodes.h - puts nodes on top of others, and takes away those that nobody needs; what they
 * hold is merged by overlay_merge.h.
 * Each function leaves a complete tree on the disk, whenever it is interrupted.
 */
#ifndef MAQET_STORAGE_OVERLAY_NODES_H
#define MAQET_STORAGE_OVERLAY_NODES_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Writes the tree of a drive, whose top node is from then on the topmost one of the tree. */
int maqet_overlay_nodes_save(const struct maqet_drive *drive, struct maqet_error **err);

/* Creates the file of a new node over another one, which the tree on the disk does not have
 * yet. *id gets it. */
int maqet_overlay_nodes_put(const struct maqet_drive *drive, uint64_t parent,
                            uint64_t *id, struct maqet_error **err);

/* Puts something into the file of a new node, which exists and is empty. */
typedef int maqet_overlay_nodes_make(const struct maqet_drive *drive, uint64_t id,
                                     void *data, struct maqet_error **err);

/* The same for a node of that size, into which @make puts something (overlay_filling.h). */
int maqet_overlay_nodes_fill(const struct maqet_drive *drive, uint64_t parent,
                             uint64_t size, maqet_overlay_nodes_make *make, void *data,
                             uint64_t *id, struct maqet_error **err);

/* Creates an overlay like a node, of @size bytes, which holds nothing yet, in a file elsewhere that
 * exists and is empty: beside copies of those that the node stands on. */
int maqet_overlay_nodes_create_like(const struct maqet_drive *drive, uint64_t id,
                                    const char *path, uint64_t size,
                                    struct maqet_error **err);

/* Forgets such a node, and removes its file. */
void maqet_overlay_nodes_undo(const struct maqet_drive *drive, uint64_t id);

/* The present virtual size of a node, in bytes. */
int maqet_overlay_nodes_size(const struct maqet_drive *drive, uint64_t id,
                             uint64_t *bytes, struct maqet_error **err);

/* How much a node holds itself, in bytes; of node 0: its file's allocated size, which is not known
 * if it has none. */
int maqet_overlay_nodes_used(const struct maqet_drive *drive, uint64_t id,
                             uint64_t *bytes, struct maqet_error **err);

/* Makes a node the snapshot of that name: from now on nothing is written to it. */
int maqet_overlay_nodes_name(const struct maqet_drive *drive, uint64_t id,
                             const char *name, uint64_t vm_clock,
                             struct maqet_error **err);

/* The prepared node becomes the topmost one, and the one below the snapshot that it was
 * prepared for. A machine that does not run any more may or may not have written to the
 * prepared node; if it has not, that holds nothing. */
int maqet_overlay_nodes_adopt(const struct maqet_drive *drive, struct maqet_error **err);

/* Freezes what an interrupted merge has left as a file that may be written to, and notes what is
 * in it by now. */
int maqet_overlay_nodes_refreeze(const struct maqet_drive *drive,
                                 struct maqet_error **err);

/* Freezes the topmost node, which gets no name, by putting another one on it, unless nothing was
 * written to it. *id: the frozen one that shows the present state. */
int maqet_overlay_nodes_cut(const struct maqet_drive *drive, uint64_t *id,
                            struct maqet_error **err);

/* Whether a node is needed by itself: it is a snapshot, others need it, or it is written to. */
bool maqet_overlay_nodes_is_kept(const struct maqet_overlays *overlays,
                                 const struct maqet_overlay *node);

/* Removes nodes that are no snapshots, and on which nothing stands. */
int maqet_overlay_nodes_prune(const struct maqet_drive *drive, struct maqet_error **err);

/* A node that is no snapshot, with the only one that stands on it, which are to be merged: the
 * first such one from the index @from on. NULL: there is none. */
const struct maqet_overlay *
maqet_overlay_nodes_superfluous(const struct maqet_overlays *overlays, size_t from,
                                const struct maqet_overlay **above);

/* Whether two such nodes are merged only when the machine is stopped: QEMU has both open, and can merge them
 * neither way. */
bool maqet_overlay_nodes_is_deferred(const struct maqet_drive *drive,
                                     const struct maqet_overlay *below,
                                     const struct maqet_overlay *above);

/* Whether two such nodes are merged downwards: what @above holds is written into @below, and not
 * the reverse; that which moves less, if both are possible. *bytes: how much is moved. */
int maqet_overlay_nodes_way(const struct maqet_drive *drive,
                            const struct maqet_overlay *below,
                            const struct maqet_overlay *above, bool *down,
                            uint64_t *bytes, struct maqet_error **err);

#endif
