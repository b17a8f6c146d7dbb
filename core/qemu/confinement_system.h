/* SPDX-License-Identifier: MIT */
/*
 * confinement_system.h - what every QEMU may open, whatever machine it runs.
 */
#ifndef MAQET_QEMU_CONFINEMENT_SYSTEM_H
#define MAQET_QEMU_CONFINEMENT_SYSTEM_H

#include "core/qemu/confinement.h"

/* Allows what every QEMU needs: the system's libraries and settings, and what belongs to
 * @program, the path of QEMU's own. */
int maqet_confinement_allow_system(struct maqet_confinement *confinement,
                                   const char *program, struct maqet_error **err);

#endif
