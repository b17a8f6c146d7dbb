/* SPDX-License-Identifier: MIT */
/*
 * plugging_job.h - what is recorded when a drive is attached to a machine or detached from
 * it: the job while it is in progress, and then the definitions and slots.
 */
#ifndef MAQET_LIFECYCLE_PLUGGING_JOB_H
#define MAQET_LIFECYCLE_PLUGGING_JOB_H

#include "core/job/job.h"
#include "core/lifecycle/plugging.h"

/* Plans and begins a job of the kind, with all that its recovery needs. */
int maqet_plugging_begin(const struct maqet_plugging *plugging, struct maqet_job *job,
                         const struct maqet_job_kind *kind, struct maqet_error **err);

/* Opens what the job is about. */
int maqet_plugging_reopen(struct maqet_plugging *plugging, const struct maqet_job *job,
                          struct maqet_error **err);

/* Writes the drive into the definitions, or removes it there, and records where the devices
 * of a QEMU that runs are now. */
int maqet_plugging_store(struct maqet_plugging *plugging, bool attached,
                         struct maqet_error **err);

/* Deletes what was created for a drive that was not attached, unless it is needed, or @written
 * to by others: *need gets why it is kept, as a phrase (the caller frees), or NULL. */
int maqet_plugging_undo_creation(struct maqet_plugging *plugging, bool written,
                                 char **need, struct maqet_error **err);

#endif
