/* SPDX-License-Identifier: MIT */
/*
 * confinement_arguments.h - what a command line names: its files by the names of
 * properties, and the devices of the host that are meant without being named.
 */
#ifndef MAQET_QEMU_CONFINEMENT_ARGUMENTS_H
#define MAQET_QEMU_CONFINEMENT_ARGUMENTS_H

#include "core/qemu/confinement.h"

/*
 * Allows what a whole command line names: files, folders, devices, and places of sockets
 * on which QEMU listens. Relative paths start at @folder (NULL: the current one). A file
 * that QEMU would create is made, empty, since a rule needs it.
 */
int maqet_confinement_allow_arguments(struct maqet_confinement *confinement,
                                      const char *const *argv, const char *folder,
                                      struct maqet_error **err);

#endif
