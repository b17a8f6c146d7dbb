/* SPDX-License-Identifier: MIT */
/*
 * ahci.h - ATA drives, which sata and ide have in common, and the AHCI controllers that
 * both add to a machine (ide where there is no better).
 */
#ifndef AHCI_H
#define AHCI_H

#include <maqet-plugin.h>

enum { AHCI_PORTS = 6 };

/* Checks what holds for every ATA drive. */
int ata_validate(const struct maqet_drive *drive, struct maqet_error **err);

/* Appends the disk or the CD-ROM drive. @controller: NULL is the machine's own. */
struct maqet_props *ata_emit_device(const struct maqet_drive *drive,
                                    struct maqet_args *args, const char *controller,
                                    uint32_t bus, struct maqet_error **err);

void ahci_emit_controller(struct maqet_args *args, const char *id);

#endif
