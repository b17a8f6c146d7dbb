/* SPDX-License-Identifier: MIT */
/*
 * drives.h - what a start checks and prepares for all drives of a machine: that their
 * images and files exist, and that nobody else uses them.
 */
#ifndef MAQET_MACHINE_DRIVES_H
#define MAQET_MACHINE_DRIVES_H

#include "core/machine/opened.h"

/* What is only done with the user's consent, because it could hide the loss of data. */
struct maqet_drives_consent {
    bool create_missing; /* create images that existed before and are missing */
    bool accept_bases;   /* accept changed backing files */
};

/* Whether all images exist and are sound, or can be created, and no other image depends
 * on them. @consent may be NULL: none. */
int maqet_vm_drives_check(const struct maqet_vm *vm,
                          const struct maqet_drives_consent *consent,
                          struct maqet_error **err);

/* The same for some of them, of which no image is created. */
int maqet_vm_drives_check_some(const struct maqet_vm *vm,
                               const struct maqet_drive *const *drives, size_t count,
                               struct maqet_error **err);

/* Checks the drives, and then creates the missing images. @consent may be NULL: none. */
int maqet_vm_drives_prepare(struct maqet_vm *vm,
                            const struct maqet_drives_consent *consent,
                            struct maqet_error **err);

/* Warns once, for all images without a path of their own, if they are in a folder that
 * nobody has named, and whose files do not survive a reboot. */
void maqet_vm_drives_warn(const struct maqet_vm *vm);

/* The same for one more drive of a machine that runs: checks it, and creates its image if
 * that is missing. */
int maqet_vm_drive_prepare(struct maqet_vm *vm, struct maqet_drive *drive,
                           const struct maqet_drives_consent *consent,
                           struct maqet_error **err);

/* The same, but that the image exists is not recorded on the disk yet. */
int maqet_vm_drive_make(struct maqet_vm *vm, struct maqet_drive *drive,
                        struct maqet_error **err);

/* Whether the names of all drives' files still lead to the files that were checked or
 * created: the last check before QEMU opens them. */
int maqet_vm_drives_check_same(const struct maqet_vm *vm, struct maqet_error **err);

/* Whether a drive's plugin reports its users again once QEMU has the drive open, because
 * two starts may both have found none. The guest is paused until then, even if maqet is
 * killed in between. False if the guest starts paused anyway (-S). */
bool maqet_vm_drives_are_asked_again(const struct maqet_vm *vm);

/* Whether a running machine, whose definition is loaded, has passed that check.
 * MAQET_ERROR_STATE: its start was killed before, so another program may be using its
 * drives. Fails if QEMU cannot be connected to. */
int maqet_vm_drives_check_asked(struct maqet_opened *machine, struct maqet_error **err);

/* That check: if two QEMUs have a drive open, neither may run. */
int maqet_vm_drives_check_alone(const struct maqet_vm *vm, struct maqet_error **err);

#endif
