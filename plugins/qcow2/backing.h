/* SPDX-License-Identifier: MIT */
/*
 * backing.h - the base of an overlay: the file that `backing_file` names. It is only ever
 * read, and may come from anywhere, so it is looked at before QEMU or qemu-img opens it.
 */
#ifndef QCOW2_BACKING_H
#define QCOW2_BACKING_H

#include <maqet-plugin.h>

/* Checks `backing_file` and `backing_format`, and the file. *virtual_size is what the
 * guest would see of it; 0 when the drive has none. */
int backing_check(const struct maqet_drive *drive, uint64_t *virtual_size,
                  struct maqet_error **err);

/*
 * How a new image is to name its base; NULL: it has none. Base and overlay in one folder
 * are moved together, so then it is the name within that folder; else it is the whole
 * path. The text is part of the option's.
 */
const char *backing_name(const struct maqet_drive *drive);

/* Emits the base as part of the overlay's node, or that there is none: QEMU then opens no
 * file just because a header names it. */
void backing_emit(const struct maqet_drive *drive, struct maqet_props *node);

#endif
