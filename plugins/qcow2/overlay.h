/* SPDX-License-Identifier: MIT */
/*
 * overlay.h - qcow2 as the format of overlays, which the core makes over drives of any
 * type (struct maqet_overlay_table).
 */
#ifndef QCOW2_OVERLAY_H
#define QCOW2_OVERLAY_H

#include <maqet-plugin.h>

extern const struct maqet_overlay_table qcow2_overlay_table;

#endif
