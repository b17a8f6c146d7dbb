/* SPDX-License-Identifier: MIT */
/*
 * attach.h - attaches a drive to a machine, whether it runs or not.
 */
#ifndef MAQET_LIFECYCLE_ATTACH_H
#define MAQET_LIFECYCLE_ATTACH_H

#include "core/job/kind.h"
#include "core/machine/drives.h"

struct maqet_attach {
    const char *drive;                       /* its name */
    const struct maqet_strings *assignments; /* its keys: "size=20G" */
    bool transient; /* the stored definition does not get it; the machine runs */
    struct maqet_drives_consent consent;
};

/* What was done. */
struct maqet_attached {
    bool running; /* the guest has it now */
    bool created; /* its image was created */
};

/*
 * Adds a drive to the definition of a machine, and to its QEMU if that runs: its image is
 * created if it is missing, and opened by maqet for QEMU. Either the drive is known
 * everywhere afterwards, or nothing of it is left, even if maqet is killed. Errors of its
 * keys are those of a drive in a YAML file. MAQET_ERROR_EXISTS: there is a drive of that
 * name; MAQET_ERROR_UNSUPPORTED: not while the machine runs; MAQET_ERROR_STATE: there is no
 * place for it.
 */
int maqet_vm_attach(const struct maqet_context *context, const char *name,
                    const struct maqet_attach *how, struct maqet_attached *attached,
                    struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_attach;

#endif
