/* SPDX-License-Identifier: MIT */
/*
 * slots.h - how all drives of a machine share out the places on its buses, and what they
 * append for QEMU.
 */
#ifndef MAQET_STORAGE_SLOTS_H
#define MAQET_STORAGE_SLOTS_H

#include "core/storage/drive.h"

struct maqet_capacity {
    uint32_t builtin;
    uint32_t controllers;
    uint32_t per_controller;
};

struct maqet_slot {
    const char *controller; /* NULL: the machine's own */
    uint32_t index;
};

/* Appends what all drives need, with the controllers and slots shared out in list order.
 */
int maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                      struct maqet_args *args, struct maqet_error **err);

#endif
