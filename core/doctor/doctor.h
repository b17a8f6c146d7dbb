/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - examines whether this host has what maqet needs.
 */
#ifndef MAQET_DOCTOR_DOCTOR_H
#define MAQET_DOCTOR_DOCTOR_H

#include "core/doctor/finding.h"

/* Examines everything, and reports each finding. doctor->worst has the worst verdict. */
void maqet_doctor_examine(struct maqet_doctor *doctor);

#endif
