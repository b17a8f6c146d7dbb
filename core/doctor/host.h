/* SPDX-License-Identifier: MIT */
/*
 * host.h - what the host must have: QEMU and its tools, KVM that runs guests, and what the
 * kernel must allow.
 */
#ifndef MAQET_DOCTOR_HOST_H
#define MAQET_DOCTOR_HOST_H

#include "core/doctor/finding.h"

/* The QEMU of this host's architecture, those that machines name, and qemu-img. */
void maqet_doctor_qemu(struct maqet_doctor *doctor);

/* Whether KVM can be opened, and a guest of one sector boots with it. */
void maqet_doctor_kvm(struct maqet_doctor *doctor);

/* userfaultfd, which checkpoints of running guests use, and Landlock, which confines
 * QEMU. */
void maqet_doctor_kernel(struct maqet_doctor *doctor);

#endif
