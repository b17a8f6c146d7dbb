/* SPDX-License-Identifier: MIT */
/*
 * node.h - the block nodes of a qcow2 drive: of the image itself, and of what a snapshot
 * in it holds.
 */
#ifndef QCOW2_NODE_H
#define QCOW2_NODE_H

#include <maqet-plugin.h>

/* Adds what the format needs to the drive's node: the base, and the key with its secret.
 */
int node_emit_format(const struct maqet_drive *drive, struct maqet_args *args,
                     struct maqet_props *node, struct maqet_error **err);

/* The id of the secret that holds the drive's key. The caller frees; NULL on error. */
char *node_secret_id(const struct maqet_drive *drive, struct maqet_error **err);

/* Appends to a command the snapshot with that id, as an image that can only be read and
 * has the snapshot's own size, which *size gets (see view.h). The command keeps what is
 * needed for it. */
int node_add_snapshot(const struct maqet_drive *drive, const char *id,
                      struct maqet_command *command, uint64_t *size,
                      struct maqet_error **err);

#endif
