/* SPDX-License-Identifier: MIT */
/*
 * autostart.h - whether systemd starts a machine with the host or, unless root has it, with
 * the user's session: the unit maqet@NAME.service (systemd/, docs/services.md) is enabled.
 */
#ifndef MAQET_MACHINE_AUTOSTART_H
#define MAQET_MACHINE_AUTOSTART_H

#include "core/base/error.h"

/* Whether the unit of a machine is enabled, as systemctl(1) does it. */
bool maqet_autostart_is_on(const char *name);

/* Enables or disables it, by systemctl. MAQET_ERROR_UNSUPPORTED: there is no systemctl. */
int maqet_autostart_set(const char *name, bool on, struct maqet_error **err);

#endif
