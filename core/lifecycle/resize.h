/* SPDX-License-Identifier: MIT */
/*
 * resize.h - making what a drive is made of larger.
 */
#ifndef MAQET_LIFECYCLE_RESIZE_H
#define MAQET_LIFECYCLE_RESIZE_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/job/kind.h"

struct maqet_resize {
    uint64_t bytes;
    bool relative; /* so many more than there are */
};

/* Makes what a drive is made of larger, whether the machine runs or not. *before and
 * *after get the sizes, in bytes; they are equal where there was nothing to do. */
int maqet_vm_resize(const struct maqet_context *context, const char *name,
                    const char *drive, const struct maqet_resize *how, uint64_t *before,
                    uint64_t *after, struct maqet_error **err);

/* The row of this job. */
extern const struct maqet_job_kind maqet_kind_resize;

#endif
