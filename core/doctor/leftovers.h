/* SPDX-License-Identifier: MIT */
/*
 * leftovers.h - what killed commands, forks that are discarded and have ended, and machines that no longer
 * exist, have left behind.
 * The next command that needs the place removes it anyway; so removing it here is safe.
 */
#ifndef MAQET_DOCTOR_LEFTOVERS_H
#define MAQET_DOCTOR_LEFTOVERS_H

#include "core/doctor/finding.h"

/* Looks in the data folder, in the runtime folder, and beside the images of all machines;
 * with doctor->fix, removes what is found. */
void maqet_doctor_leftovers(struct maqet_doctor *doctor);

/* Interrupted jobs, which the next command on their machine recovers. */
void maqet_doctor_jobs(struct maqet_doctor *doctor);

#endif
