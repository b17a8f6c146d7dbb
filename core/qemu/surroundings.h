/* SPDX-License-Identifier: MIT */
/*
 * surroundings.h - what QEMU must find around it when it starts, by the user's own
 * arguments: files that it reads, and sockets on which somebody listens.
 */
#ifndef MAQET_QEMU_SURROUNDINGS_H
#define MAQET_QEMU_SURROUNDINGS_H

#include "core/config/tree.h"

/* Whether all that is knowable of them is there. @list is the `arguments` list of the
 * tree, which was checked; NULL: none. Relative paths start at @folder, QEMU's own. */
int maqet_arguments_check_surroundings(json_object *list, const char *folder,
                                       struct maqet_error **err);

/* The id of a TPM whose emulator is connected to by a socket; NULL: there is none. Such
 * an emulator is told by QEMU to end when QEMU ends in order (QEMU: docs/specs/tpm.rst).
 * The caller frees. */
char *maqet_arguments_tpm_emulator(json_object *list);

#endif
