/* SPDX-License-Identifier: MIT */
/*
 * flatten.h - makes a drive independent of the images that it stands on, by its configuration: a
 * drive with a backing file, or one of a linked clone. Its own image gets what they hold and it does
 * not; then its definition does not name them any more.
 *
 * Until the image stores no backing file, nothing has changed for anybody. From then on, an
 * interrupted flattening is completed, since the definition must say the same.
 */
#ifndef MAQET_SNAPSHOT_FLATTEN_H
#define MAQET_SNAPSHOT_FLATTEN_H

#include "core/base/context.h"
#include "core/job/kind.h"

struct maqet_flattened {
    char *file;                 /* its image */
    struct maqet_strings bases; /* the images that it stood on, the topmost one first */
    uint64_t before, after;     /* bytes that the image takes up in the file system */
    bool running;               /* QEMU has done it */
};

void maqet_flattened_clear(struct maqet_flattened *flattened);

#define _cleanup_flattened_ _cleanup_(maqet_flattened_clear)

int maqet_vm_flatten(const struct maqet_context *context, const char *vm,
                     const char *drive, struct maqet_flattened *flattened,
                     struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_flatten;

#endif
