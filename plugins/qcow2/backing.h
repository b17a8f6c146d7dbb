/* SPDX-License-Identifier: MIT */
/*
 * backing.h - the bases of an overlay: the files that `backing_file` names, each of which stands
 * on the next one. They are only ever read, and may come from anywhere, so they are looked at
 * before QEMU or qemu-img opens them.
 */
#ifndef QCOW2_BACKING_H
#define QCOW2_BACKING_H

#include <maqet-plugin.h>

/* How many there are, and the file and the format of each, from the one below the image on; NULL:
 * there are not as many, or the format is not said. */
size_t backing_count(const struct maqet_drive *drive);
const char *backing_file(const struct maqet_drive *drive, size_t level);
const char *backing_format(const struct maqet_drive *drive, size_t level);

/* Reports the bases below the first one as files on which the image depends. */
void backing_report(const struct maqet_drive *drive, struct maqet_image *image);

/* Checks `backing_file` and `backing_format`, and the files, each with the name in the one
 * above. *virtual_size is what the guest would see of the first; 0 when the drive has none. */
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
