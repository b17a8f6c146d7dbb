/* SPDX-License-Identifier: MIT */
/*
 * emitted.h - what a storage plugin has appended for QEMU or qemu-img, verified before
 * either gets it: no file is opened because an image names it, the nodes of a read-only
 * drive are read-only, and each file is one that the configuration names or that inspect
 * has reported.
 */
#ifndef MAQET_STORAGE_EMITTED_H
#define MAQET_STORAGE_EMITTED_H

#include "core/qemu/objects.h"
#include "core/storage/drive.h"

/* Has the plugin append the objects of a drive, and verifies them. An empty CD-ROM drive
 * has none. */
int maqet_storage_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                            struct maqet_error **err);

/* The same for one node of a drive with overlays, and the nodes that it stands on. */
int maqet_storage_emit_node(const struct maqet_drive *drive, uint64_t id,
                            struct maqet_args *args, struct maqet_error **err);

/* The same for the view of an overlay (overlay_view.h), which may be written to if the view may
 * be. */
int maqet_storage_emit_overlay(const struct maqet_drive *overlay, struct maqet_args *args,
                               struct maqet_error **err);

/* Closes the end of each backing chain of the nodes from the object @first on
 * (`"backing": null`), and verifies what the drive's plugin has appended there. @more:
 * further files that it may name; NULL: none. */
int maqet_emitted_verify(const struct maqet_drive *drive, struct maqet_args *args,
                         size_t first, const struct maqet_strings *more,
                         struct maqet_error **err);

#endif
