/* SPDX-License-Identifier: MIT */
/*
 * relocation_check.h - whether the image of a drive can be given up for another one.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_CHECK_H
#define MAQET_LIFECYCLE_RELOCATION_CHECK_H

#include "core/machine/opened.h"

/* Finds the drive of an opened machine, whose image must be a regular file of this host, and
 * which has no fault from @least on. NULL: an error. */
const struct maqet_drive *maqet_relocation_find(struct maqet_opened *machine,
                                                const char *name,
                                                enum maqet_drive_fault least,
                                                struct maqet_error **err);

/* Why a file must stay where it is, as a phrase: another machine uses it, or an image that stands on it.
 * NULL: nobody else needs it. The caller frees. */
char *maqet_relocation_need(const struct maqet_opened *machine, const char *path);

/* Whether nobody else needs the image, or its overlays: MAQET_ERROR_STATE names who does. */
int maqet_relocation_check_needs(const struct maqet_opened *machine,
                                 const struct maqet_drive *drive,
                                 struct maqet_error **err);

/* Whether the stored definition has the drive with the same image, if the machine runs. */
int maqet_relocation_check_stored(const struct maqet_opened *machine,
                                  const struct maqet_drive *drive,
                                  struct maqet_error **err);

/* Whether the drive has no snapshots: MAQET_ERROR_STATE names one. @why: a phrase. @next: the
 * step that is advised, of the VM and the drive. */
int maqet_relocation_check_no_snapshots(const struct maqet_drive *drive, const char *why,
                                        enum maqet_next next, struct maqet_error **err);

/* Whether a path is free, for an image with overlays. */
int maqet_relocation_check_free(const struct maqet_drive *drive, const char *path,
                                struct maqet_error **err);

#endif
