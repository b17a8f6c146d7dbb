/* SPDX-License-Identifier: MIT */
/*
 * places.h - the folders that maqet uses: whether there is space in them, whether they
 * keep what is in them, and the plugins.
 */
#ifndef MAQET_DOCTOR_PLACES_H
#define MAQET_DOCTOR_PLACES_H

#include "core/doctor/finding.h"

/* The space in the file systems of the data folder, the runtime folder, and the images of
 * all machines. */
void maqet_doctor_space(struct maqet_doctor *doctor);

/* Whether images without a path survive a reboot where they are created. */
void maqet_doctor_storage_dir(struct maqet_doctor *doctor);

/* The plugins that are refused. */
void maqet_doctor_plugins(struct maqet_doctor *doctor);

#endif
