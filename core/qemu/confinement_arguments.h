/* SPDX-License-Identifier: MIT */
/*
 * confinement_arguments.h - what a command line of QEMU refers to: files, by the names of
 * properties, and devices of the host, which need not be named.
 */
#ifndef MAQET_QEMU_CONFINEMENT_ARGUMENTS_H
#define MAQET_QEMU_CONFINEMENT_ARGUMENTS_H

#include "core/qemu/confinement.h"

/*
 * Allows everything that a command line names: files, folders, devices, and the folders of
 * sockets on which QEMU listens. Relative paths start at @folder (NULL: the current one).
 * A file that QEMU would create is created, empty, since a rule needs a file.
 */
int maqet_confinement_allow_arguments(struct maqet_confinement *confinement,
                                      const char *const *argv, const char *folder,
                                      struct maqet_error **err);

#endif
