/* SPDX-License-Identifier: MIT */
/*
 * power_button.h - the guest's power button.
 */
#ifndef MAQET_MACHINE_POWER_BUTTON_H
#define MAQET_MACHINE_POWER_BUTTON_H

#include "core/machine/opened.h"

/*
 * Presses the power button of the guest of a machine that runs, within @timeout ms. A
 * guest that is paused or asleep goes on first, since it could not react; a QEMU whose
 * guest has powered off already, or has never run, is told to quit. MAQET_ERROR_STATE:
 * QEMU has ended meanwhile. Where the monitor's socket is lost, it is reached by the
 * descriptor of it that QEMU has.
 */
int maqet_power_button_press(const struct maqet_opened *machine, int64_t timeout,
                             struct maqet_error **err);

#endif
