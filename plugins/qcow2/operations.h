/* SPDX-License-Identifier: MIT */
/*
 * operations.h - what is done to a qcow2 image's internal snapshots: by qemu-img while
 * QEMU does not run, by QEMU's monitor while it does; lists are read by ourselves.
 */
#ifndef QCOW2_OPERATIONS_H
#define QCOW2_OPERATIONS_H

#include <maqet-plugin.h>

extern const struct maqet_snapshot_table qcow2_snapshot_table;

#endif
