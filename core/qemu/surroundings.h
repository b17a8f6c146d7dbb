/* SPDX-License-Identifier: MIT */
/*
 * surroundings.h - what QEMU needs when it starts, according to the user's own arguments:
 * files that it reads, and sockets on which another program listens.
 */
#ifndef MAQET_QEMU_SURROUNDINGS_H
#define MAQET_QEMU_SURROUNDINGS_H

#include "core/config/tree.h"

/* Whether they are there, as far as can be known. @list is the `arguments` list of the
 * tree, which was checked; NULL: none. Relative paths start at @folder, where QEMU runs. */
int maqet_arguments_check_surroundings(json_object *list, const char *folder,
                                       struct maqet_error **err);

/* The id of a TPM whose emulator QEMU connects to through a socket; NULL: none. When QEMU
 * exits cleanly, it makes the emulator exit, too (QEMU: docs/specs/tpm.rst). The caller
 * frees. */
char *maqet_arguments_tpm_emulator(json_object *list);

#endif
