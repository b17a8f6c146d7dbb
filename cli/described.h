/* SPDX-License-Identifier: MIT */
/*
 * described.h - all that status shows of a VM.
 */
#ifndef MAQET_CLI_DESCRIBED_H
#define MAQET_CLI_DESCRIBED_H

#include "cli/drives.h"
#include "cli/shown.h"
#include "core/machine/inventory.h"
#include "core/machine/network.h"
#include "core/machine/sandbox_rules.h"

struct described {
    struct shown vm; /* its texts and lists belong to others */
    char *uuid;
    bool autostart;
    struct maqet_confined confinement;
    struct drive_rows drives;
    struct maqet_inventory inventory;
    bool has_vcpus, has_memory;
    struct maqet_strings changed_files;
    const char *network;     /* NULL: the user's arguments or QEMU's default */
    char *network_interface; /* of the host, or its bridge; NULL: none */
    struct maqet_forwards ports;
    char *ssh; /* the command by which one logs in; NULL: no port leads there */
};

extern const struct maqet_fields described_fields;

/* Reads what there is besides the state, which is in @described already. What cannot be
 * read is a warning. */
void described_read(struct maqet_opened *machine, const struct maqet_state *state,
                    struct described *described);

void described_clear(struct described *described);

#endif
