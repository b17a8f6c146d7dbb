/* SPDX-License-Identifier: MIT */
/*
 * hotplug.h - objects as commands of the monitor of a QEMU that runs: they are added to it,
 * and removed again.
 */
#ifndef MAQET_QEMU_HOTPLUG_H
#define MAQET_QEMU_HOTPLUG_H

#include "core/qemu/objects.h"
#include "core/qemu/qmp.h"

struct maqet_monitor_command {
    const struct maqet_props *props; /* the object, whose kind has the commands' names */
    json_object *arguments;          /* of the one that adds it; owned */
};

struct maqet_monitor_commands {
    struct maqet_monitor_command *items;
    size_t count;
};

/*
 * Makes the commands that add the objects to a QEMU that runs, in the order in which they
 * were appended, but for the @skipped first ones, which it has already. The args must
 * outlive the commands. MAQET_ERROR_UNSUPPORTED: an object, or one of its properties, has
 * no form in the monitor.
 */
int maqet_args_render_commands(const struct maqet_args *args, size_t skipped,
                               struct maqet_monitor_commands *commands,
                               struct maqet_error **err);
void maqet_monitor_commands_clear(struct maqet_monitor_commands *commands);

#define _cleanup_monitor_commands_ _cleanup_(maqet_monitor_commands_clear)

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
