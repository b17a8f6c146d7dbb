/* SPDX-License-Identifier: MIT */
/*
 * hotplug.h - adding objects to a QEMU that runs, and taking them away again, by the
 * commands of core/qemu/render.h.
 */
#ifndef MAQET_QEMU_HOTPLUG_H
#define MAQET_QEMU_HOTPLUG_H

#include "core/qemu/qmp.h"
#include "core/qemu/render.h"

struct maqet_hotplug {
    struct maqet_qmp *qmp;
    int64_t timeout; /* ms for each answer, and for each object to go */
    bool resets; /* no guest runs that could let go of a device: QEMU is reset where it
                      * waits for that, which is as good */
};

/* Adds all objects, or none: when a command fails, what those before it have added is
 * removed again, the last first. What can't be removed is a remark of the error. */
int maqet_hotplug_add(const struct maqet_hotplug *hotplug,
                      const struct maqet_monitor_commands *commands,
                      struct maqet_error **err);

/*
 * Removes the objects, the last first. A device is waited for until QEMU says that it has
 * gone (DEVICE_DELETED); what it was attached to is still in use for a moment then, and is
 * asked for until it goes. MAQET_ERROR_TIMEOUT: the guest does not let go of a device; it
 * stays, and so does what was added before it.
 */
int maqet_hotplug_remove(const struct maqet_hotplug *hotplug,
                         const struct maqet_monitor_commands *commands,
                         struct maqet_error **err);

#endif
