/* SPDX-License-Identifier: MIT */
/*
 * overlay_elsewhere.h - node 0 of a drive whose storage is no file of this host, such as a disk
 * that a server offers. Nothing can be noted of a file, nor can its permissions be taken away: what
 * is compared instead is which storage the definition names, and how large it is. The overlays on
 * it store QEMU's "json:" name of its node.
 */
#ifndef MAQET_STORAGE_OVERLAY_ELSEWHERE_H
#define MAQET_STORAGE_OVERLAY_ELSEWHERE_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Whether the drive has overlays over such storage, or could get some. */
bool maqet_overlay_is_elsewhere(const struct maqet_drive *drive);

/* The file of node 0, as QEMU opens it; NULL: it opens none. */
const char *maqet_overlay_lowest_file(const struct maqet_drive *drive);

/* The name and the format by which an overlay can store node 0; the caller frees both. It is an
 * error if the node needs other objects, such as a password, which no name can hold. */
int maqet_overlay_elsewhere_name(const struct maqet_drive *drive, char **name,
                                 char **format, struct maqet_error **err);

/* Which storage such a name means, or a drive names that has no overlays on it, to be compared: a node without what
 * says how it is used. NULL: that cannot be determined. The caller puts it. */
json_object *maqet_overlay_elsewhere_identity(const char *stored_name);
json_object *maqet_overlay_elsewhere_identify(const struct maqet_drive *drive);

/* The present size of node 0, in bytes: qemu-img asks the storage. Once overlays stand
 * on it, it is what the tree has. */
int maqet_overlay_elsewhere_size(const struct maqet_drive *drive, uint64_t *bytes,
                                 struct maqet_error **err);

/* Before the first overlay is put on it: notes in the tree which storage it is, and that name. */
int maqet_overlay_elsewhere_note(const struct maqet_drive *drive,
                                 struct maqet_error **err);

/* Whether a node of any drive with overlays and those that it stands on are as they were
 * (maqet_overlays_check()), and such storage is as large as it was, unless QEMU has it open.
 * MAQET_ERROR_STATE: what has changed. */
int maqet_overlay_check_below(const struct maqet_drive *drive, uint64_t id,
                              struct maqet_error **err);

/* The latter alone. */
int maqet_overlay_elsewhere_check(const struct maqet_drive *drive,
                                  struct maqet_error **err);

/* Notes the storage that the definition names, as it is now. */
int maqet_overlay_elsewhere_accept(const struct maqet_drive *drive,
                                   struct maqet_error **err);

#endif
