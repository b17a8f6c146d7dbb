/* SPDX-License-Identifier: MIT */
/*
 * detach.h - detaches a drive from a machine, whether it runs or not. Its image stays.
 */
#ifndef MAQET_LIFECYCLE_DETACH_H
#define MAQET_LIFECYCLE_DETACH_H

#include "core/base/context.h"
#include "core/job/kind.h"

struct maqet_detach {
    const char *drive;
    bool transient;  /* the stored definition keeps it; the machine runs */
    int64_t timeout; /* ms in which the guest must release it */
};

/* What was detached. */
struct maqet_detached {
    bool running; /* the guest had it */
    char *image;  /* its image, which stays; NULL: it is not a file of this host */
};

void maqet_detached_clear(struct maqet_detached *detached);

/* Removes a drive from the definition of a machine, and from its QEMU if that runs.
 * MAQET_ERROR_TIMEOUT: the guest does not release it; MAQET_ERROR_STATE: the guest refuses
 * to. Then everything is as before. */
int maqet_vm_detach(const struct maqet_context *context, const char *name,
                    const struct maqet_detach *how, struct maqet_detached *detached,
                    struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_detach;

#endif
