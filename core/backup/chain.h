/* SPDX-License-Identifier: MIT */
/*
 * chain.h - the images of a drive in a backup as a drive that is only read: the increments are
 * overlays over the full image. Who has written the images is not known, so each is inspected
 * before any program opens it: it must name the image that the manifest says it stands on, and no
 * other file.
 */
#ifndef MAQET_BACKUP_CHAIN_H
#define MAQET_BACKUP_CHAIN_H

#include "core/backup/catalog.h"
#include "core/storage/drive.h"

struct maqet_backup_chain {
    struct maqet_machine machine;
    struct maqet_drive *drive;
};

void maqet_backup_chain_close(struct maqet_backup_chain *chain);

#define _cleanup_backup_chain_ _cleanup_(maqet_backup_chain_close)

/* Makes the drive, after inspecting all images. The context must outlive it. */
int maqet_backup_chain_open(const struct maqet_context *context, const char *vm,
                            const struct maqet_backup_links *links,
                            struct maqet_backup_chain *chain, struct maqet_error **err);

/* The id of an image as a node of the drive's overlays, by its index among the links. */
uint64_t maqet_backup_chain_node(size_t index);

/* The name by which an increment stores the image that it stands on. The caller frees. */
char *maqet_backup_chain_backing_name(const struct maqet_backup_link *below);

#endif
