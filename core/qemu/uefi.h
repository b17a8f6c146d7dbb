/* SPDX-License-Identifier: MIT */
/*
 * uefi.h - the UEFI firmware that is installed on this host, which describes itself in
 * JSON files (QEMU: docs/interop/firmware.json).
 */
#ifndef MAQET_QEMU_UEFI_H
#define MAQET_QEMU_UEFI_H

#include "core/base/error.h"

/* Firmware in flash memory: its code, which is read-only, and a template of its variables,
 * of which each machine has a copy. */
struct maqet_uefi {
    char *code;
    char *code_format; /* of QEMU's block layer */
    char *template;
    char *template_format;
};

/*
 * Finds firmware for an architecture and a machine type: the first one that needs no Secure
 * Boot, in the order of the names of the descriptions. Of the same name, that of the user
 * ($XDG_CONFIG_HOME) hides that of the administrator (/etc), and this that of the
 * distribution (/usr/share); an empty one only hides. MAQET_ERROR_MISSING: there is none.
 */
int maqet_uefi_find(const char *arch, const char *machine_type, struct maqet_uefi *uefi,
                    struct maqet_error **err);

/* The size of the variables' memory, in bytes: that of the template. 0: an error. */
uint64_t maqet_uefi_template_size(const struct maqet_uefi *uefi,
                                  struct maqet_error **err);

void maqet_uefi_clear(struct maqet_uefi *uefi);

#define _cleanup_uefi_ _cleanup_(maqet_uefi_clear)

#endif
