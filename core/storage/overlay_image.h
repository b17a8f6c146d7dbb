/* SPDX-License-Identifier: MIT */
/*
 * overlay_image.h - what a node of a tree of overlays shows, for programs other than QEMU.
 */
#ifndef MAQET_STORAGE_OVERLAY_IMAGE_H
#define MAQET_STORAGE_OVERLAY_IMAGE_H

#include "core/plugin/call.h"
#include "core/storage/drive.h"

/* Appends what a node shows, which nothing is written to, as an image for qemu-img and its like. @id
 * is 0 for the image itself, also of a drive without overlays. */
int maqet_overlays_add_image(const struct maqet_drive *drive, uint64_t id,
                             struct maqet_command *command, struct maqet_error **err);

/* The same without what the node stands on: only what it holds itself. */
int maqet_overlays_add_node(const struct maqet_drive *drive, uint64_t id,
                            struct maqet_command *command, struct maqet_error **err);

#endif
