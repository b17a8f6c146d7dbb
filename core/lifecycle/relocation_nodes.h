/* SPDX-License-Identifier: MIT */
/*
 * relocation_nodes.h - the block nodes of a drive that gets another image (relocation_live.h):
 * of the image that is filled, and of the image that the device stands on.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_NODES_H
#define MAQET_LIFECYCLE_RELOCATION_NODES_H

#include "core/lifecycle/relocation.h"

/* Whether the nodes can be opened twice, and replaced under the device. A MAQET_ERROR_UNSUPPORTED is a
 * phrase: "a drive that ... keeps its image". */
int maqet_relocation_check_nodes(struct maqet_relocation *relocation,
                                 struct maqet_error **err);

/* The virtual size of the drive, in bytes. */
int maqet_relocation_live_size(struct maqet_relocation *relocation, uint64_t *bytes,
                               struct maqet_error **err);

/* Opens the new image beside the old one, under other names; *top gets that of the topmost
 * node. The caller frees. */
int maqet_relocation_open_target(struct maqet_relocation *relocation, char **top,
                                 struct maqet_error **err);

/* Closes it. It need not be open. */
int maqet_relocation_close_target(const struct maqet_relocation *relocation,
                                  struct maqet_error **err);

/* Has the device stand on newly opened nodes of the old image, or of the new one (@after). The guest is
 * paused. Whatever was done of it before, it is done as a whole. */
int maqet_relocation_put_nodes(struct maqet_relocation *relocation, bool after,
                               struct maqet_error **err);

#endif
