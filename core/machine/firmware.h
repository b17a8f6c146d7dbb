/* SPDX-License-Identifier: MIT */
/*
 * firmware.h - the key `firmware`. UEFI has two flash memories: its code, a file of this
 * host, and its variables, which are a drive of the machine, so snapshots, checkpoints and
 * removal treat them as the guest's other data.
 */
#ifndef MAQET_MACHINE_FIRMWARE_H
#define MAQET_MACHINE_FIRMWARE_H

#include "core/config/tree.h"
#include "core/machine/images_file.h"
#include "core/qemu/uefi.h"
#include "core/storage/drive.h"

/* The name of the drive, and that of the node of the code. */
#define MAQET_FIRMWARE_DRIVE "firmware"
#define MAQET_FIRMWARE_CODE "maqet-firmware"

/* Checks that no other drive has that name. */
int maqet_firmware_check(json_object *tree, struct maqet_error **err);

/* Whether a definition wants UEFI, and `arguments` have no firmware of their own. */
bool maqet_firmware_is_uefi(json_object *tree);

/* Whether it wants UEFI, but `arguments` have some. */
bool maqet_firmware_is_ignored(json_object *tree);

/* The drive with the variables, for a machine whose definition wants UEFI, and the firmware,
 * which must outlive it. Its image is where the machine's records @images have it; otherwise
 * it is created from the firmware's template, beside the image @beside (NULL: in the folder
 * of images without a path). Never NULL; if there is no firmware, the drive has a fault. */
struct maqet_drive *maqet_firmware_drive(const struct maqet_context *context,
                                         const struct maqet_machine *machine,
                                         json_object *tree,
                                         const struct maqet_images *images,
                                         const char *beside, struct maqet_uefi *uefi);

#endif
