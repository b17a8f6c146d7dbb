/* SPDX-License-Identifier: MIT */
/*
 * drives.h - what a start makes sure of for all drives of a machine: that what they are
 * made of is there, and that nobody else uses it.
 */
#ifndef MAQET_MACHINE_DRIVES_H
#define MAQET_MACHINE_DRIVES_H

#include "core/machine/opened.h"

/* What a start may do that is otherwise refused, since it could hide the loss of data. */
struct maqet_drives_consent {
    bool create_missing; /* make images anew that were there and are missing */
    bool accept_bases;   /* go on though backing files have changed */
};

/* Looks at what the drives are made of: that it is there and sound, or can be made, and
 * that nothing else depends on it. @consent may be NULL: none. */
int maqet_vm_drives_check(const struct maqet_vm *vm,
                          const struct maqet_drives_consent *consent,
                          struct maqet_error **err);

/* Looks at what the drives are made of, and makes what is missing; nothing is made when
 * anything is wrong with one of them. @consent may be NULL: none. */
int maqet_vm_drives_prepare(struct maqet_vm *vm,
                            const struct maqet_drives_consent *consent,
                            struct maqet_error **err);

/* Whether the files that were looked at or made are still the ones under their names, all
 * drives' images, bases, keys and shares: the last thing before QEMU opens them. */
int maqet_vm_drives_check_same(const struct maqet_vm *vm, struct maqet_error **err);

/* Whether a drive's plugin is asked for its users once more when QEMU has it open, as two
 * starts may both have found none: then the guest stands still until the answer, also when
 * maqet is killed in between. Not where it stands still anyway (-S). */
bool maqet_vm_drives_are_asked_again(const struct maqet_vm *vm);

/* Whether a machine that runs, and whose definition is loaded, has come past that: one
 * whose start was killed before the answer is not to be changed either, since somebody
 * else may use what it uses. MAQET_ERROR_STATE: it hasn't. Also an error where QEMU can't
 * be connected to. */
int maqet_vm_drives_check_asked(struct maqet_opened *machine, struct maqet_error **err);

/* Asks them: where two QEMUs have a drive open, neither may go on. */
int maqet_vm_drives_check_alone(const struct maqet_vm *vm, struct maqet_error **err);

#endif
