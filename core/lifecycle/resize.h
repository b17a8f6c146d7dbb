/* SPDX-License-Identifier: MIT */
/*
 * resize.h - grows a drive.
 */
#ifndef MAQET_LIFECYCLE_RESIZE_H
#define MAQET_LIFECYCLE_RESIZE_H

#include "core/base/context.h"
#include "core/job/kind.h"

struct maqet_resize {
    uint64_t bytes;
    bool relative; /* added to the present size */
};

/* Grows a drive, whether the machine is running or not. *before and *after get the sizes in
 * bytes; they are equal if there was nothing to do. */
int maqet_vm_resize(const struct maqet_context *context, const char *name,
                    const char *drive, const struct maqet_resize *how, uint64_t *before,
                    uint64_t *after, struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_resize;

#endif
