/* SPDX-License-Identifier: MIT */
/*
 * fault.h - drives that can't be used as they are defined, since something that they name
 * is not there. What a command does with a machine needs seldom all of its drives, so
 * each asks for what it needs.
 */
#ifndef MAQET_STORAGE_FAULT_H
#define MAQET_STORAGE_FAULT_H

#include "core/storage/drive.h"

/* Puts a stand-in, which can do nothing, in the place of what an entry says that can't be
 * understood. */
void maqet_drive_stand_in(struct maqet_drive *drive);

/* Whether what the drive is made of is not known at all: MAQET_FAULT_ENTRY. */
bool maqet_drive_is_unknown(const struct maqet_drive *drive);

/* 0, or -1 with the drive's fault: whether the guest can be given the drive. */
int maqet_drive_check_sound(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for who works on its image, and needs nothing of how it is attached. */
int maqet_drive_check_storage(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for who can do with what is known of it, as QEMU has it open. */
int maqet_drive_check_known(const struct maqet_drive *drive, struct maqet_error **err);

/* Where the image of an unknown drive lies unless its entry says otherwise. The caller
 * frees. */
char *maqet_drive_presumed_path(const struct maqet_drive *drive);

#endif
