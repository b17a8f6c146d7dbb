/* SPDX-License-Identifier: MIT */
/*
 * slots.h - what an interface says of its places, and where a drive is put.
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

#endif
