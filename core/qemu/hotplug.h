/* SPDX-License-Identifier: MIT */
/*
 * hotplug.h - adds objects to a running QEMU by commands of its monitor, and removes them.
 */
#ifndef MAQET_QEMU_HOTPLUG_H
#define MAQET_QEMU_HOTPLUG_H

#include "core/qemu/objects.h"
#include "core/qemu/plugged.h"

struct maqet_hotplug {
    struct maqet_qmp *qmp;
    const struct maqet_args *args;
    size_t skipped;  /* the number of args, from the first, that QEMU has already */
    size_t limit;    /* the number of args after which the rest is left alone; 0: none */
    int64_t timeout; /* ms for each answer, and for the removal of each object */
    bool resets;     /* QEMU may be reset to remove a device: no guest runs */
    /* A file that is opened for writing gets no descriptor for reading alone. QEMU cannot take up a
     * node for writing again that has been opened by both, as the first one keeps its locks. */
    bool stays_writable;
    /* What QEMU has: other objects need not be removed. NULL: it has all of them. */
    const struct maqet_plugged *plugged;
};

/* The arguments of the monitor's command that adds an object. The caller puts them. NULL
 * on error; MAQET_ERROR_UNSUPPORTED: the monitor cannot add it, or one of its properties. */
json_object *maqet_hotplug_arguments(const struct maqet_props *props,
                                     struct maqet_error **err);

/* Adds all objects in their order, or none: after a failure, those that were added are
 * removed again, the last first. If that fails, too, the error has a remark. */
int maqet_hotplug_add(const struct maqet_hotplug *hotplug, struct maqet_error **err);

/*
 * Removes the objects, the last first. A device is gone when QEMU reports so
 * (DEVICE_DELETED); objects that it used remain in use for a moment, so their removal is
 * retried. A request that the guest does not notice, because it is still booting, is
 * repeated. MAQET_ERROR_TIMEOUT: the guest does not release a device, which remains, as do
 * the objects before it; MAQET_ERROR_STATE: the guest refuses to, likewise.
 */
int maqet_hotplug_remove(const struct maqet_hotplug *hotplug, struct maqet_error **err);

#endif
