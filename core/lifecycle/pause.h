/* SPDX-License-Identifier: MIT */
/*
 * pause.h - pausing and resuming a guest, with the machine's lock: a guest that is paused
 * for a snapshot, a load or a start must not be resumed by the user.
 */
#ifndef MAQET_LIFECYCLE_PAUSE_H
#define MAQET_LIFECYCLE_PAUSE_H

#include "core/base/context.h"

/* Pauses the guest of a running machine. *changed: it was not paused before. */
int maqet_vm_pause(const struct maqet_context *context, const char *name_or_uuid,
                   bool *changed, struct maqet_error **err);

/* Resumes a paused guest. *changed: it was paused before. MAQET_ERROR_NO_SPACE: a drive has
 * no space on the host, still or again, and the guest is paused. */
int maqet_vm_resume(const struct maqet_context *context, const char *name_or_uuid,
                    bool *changed, struct maqet_error **err);

/* An error if the guest of a running machine is paused: starting it would not help. */
int maqet_vm_check_paused(const struct maqet_context *context, const char *name,
                          struct maqet_error **err);

#endif
