/* SPDX-License-Identifier: MIT */
/*
 * pause.h - letting a guest stand still, and go on. The machine's lock is held meanwhile:
 * a guest that stands still for a snapshot, a load or a start is none that a person may
 * let go on.
 */
#ifndef MAQET_LIFECYCLE_PAUSE_H
#define MAQET_LIFECYCLE_PAUSE_H

#include "core/base/context.h"
#include "core/base/error.h"

/* Pauses the guest of a machine that runs. *changed false: it was paused before. */
int maqet_vm_pause(const struct maqet_context *context, const char *name_or_uuid,
                   bool *changed, struct maqet_error **err);

/*
 * Lets a paused guest go on. *changed false: it did not stand still.
 * MAQET_ERROR_NO_SPACE: a drive has no room on the host, before or again, and the guest
 * stands still.
 */
int maqet_vm_resume(const struct maqet_context *context, const char *name_or_uuid,
                    bool *changed, struct maqet_error **err);

/* An error where the guest of a machine that runs is paused: a start is not what it
 * needs. */
int maqet_vm_check_paused(const struct maqet_context *context, const char *name,
                          struct maqet_error **err);

#endif
