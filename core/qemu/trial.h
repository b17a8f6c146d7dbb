/* SPDX-License-Identifier: MIT */
/*
 * trial.h - a guest of one sector that does nothing but end QEMU. So it shows whether an
 * accelerator really runs guests: with some hosts that are VMs themselves, KVM can be
 * opened, but its guests hang in their firmware.
 */
#ifndef MAQET_QEMU_TRIAL_H
#define MAQET_QEMU_TRIAL_H

#include "core/base/error.h"

/* Whether there is such a guest for an architecture, as in qemu-system-ARCH. */
bool maqet_trial_knows(const char *arch);

/* Boots it with QEMU's -accel @accel, and without any file of the host, for @timeout ms at
 * most. MAQET_ERROR_TIMEOUT: the guest did not end QEMU in time; MAQET_ERROR_FAILED: QEMU
 * ended by itself, with its own words. */
int maqet_trial_boot(const char *program, const char *arch, const char *accel,
                     int64_t timeout, struct maqet_error **err);

#endif
