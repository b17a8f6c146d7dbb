/* SPDX-License-Identifier: MIT */
/*
 * vm.h - a machine whose definition has met its plugins: checked drives, ready to be
 * shown or started.
 */
#ifndef MAQET_MACHINE_VM_H
#define MAQET_MACHINE_VM_H

#include "core/machine/definition.h"
#include "core/machine/images.h"
#include "core/storage/slots.h"

struct maqet_vm {
    const struct maqet_context *context;
    struct maqet_definition *definition; /* owned */
    char *program;                       /* QEMU: a name, or an absolute path */
    struct maqet_machine machine;
    struct maqet_drive **drives; /* in the order of the list */
    size_t drive_count;
    /* What is remembered of the images; why it can't be read, which keeps the machine
     * from starting, or NULL; and whether something is noted that is not on the disk yet.
     */
    struct maqet_images images;
    struct maqet_error *images_error;
    bool images_changed;
    bool dates_changed; /* nothing but when images were seen */
    /* Where its drives are recorded to sit; why that can't be read, which keeps the
     * machine from starting, or NULL. */
    struct maqet_slots slots;
    struct maqet_error *slots_error;
    /* The records of images that removed machines left behind, read when they are
     * needed. */
    struct maqet_images left;
    bool left_read;
};

/* Checks a definition (taken) against the plugins: options, drives, arguments. Makes
 * nothing on the disk. NULL on error. */
struct maqet_vm *maqet_vm_new(const struct maqet_context *context,
                              struct maqet_definition *definition,
                              struct maqet_error **err);

/* The same for whoever can do with a part of it (core/storage/drive.h): drives that can't
 * be used as they are defined have a fault, and keep nobody from the others. */
struct maqet_vm *maqet_vm_look(const struct maqet_context *context,
                               struct maqet_definition *definition);

/* Whether all of its drives can be used. */
int maqet_vm_check_sound(const struct maqet_vm *vm, struct maqet_error **err);

/* maqet_vm_look() for a stored machine, by name or UUID. NULL: its definition can't be
 * read. */
struct maqet_vm *maqet_vm_open(const struct maqet_context *context, const char *name,
                               struct maqet_error **err);

void maqet_vm_free(struct maqet_vm *vm);
MAQET_CLEANUP(maqet_vm, maqet_vm_free, maqet_vm_cleanup)

#define _cleanup_vm_ _cleanup_(maqet_vm_cleanup)

/* The drive of that name. NULL and an error that names the closest one: there is none. */
const struct maqet_drive *maqet_vm_find_drive(const struct maqet_vm *vm, const char *name,
                                              struct maqet_error **err);

/* The drive whose image has that path; NULL: none has. */
const struct maqet_drive *maqet_vm_find_path(const struct maqet_vm *vm, const char *path);

/* The drive whose top node has that name in QEMU; NULL: none has. */
const struct maqet_drive *maqet_vm_find_node(const struct maqet_vm *vm, const char *name);

/* The user's own arguments for QEMU; NULL: there are none. */
json_object *maqet_vm_arguments(const struct maqet_vm *vm);

/* The architecture of the guests of a QEMU program, as QEMU spells it; NULL, and one
 * whose name does not say it: this host's. The caller frees. */
char *maqet_vm_arch_of(const char *program);

/* Whether that is one of PCs. */
bool maqet_vm_arch_is_pc(const char *arch);

/* Whether the user's own arguments have QEMU start with the guest standing still (-S). */
bool maqet_vm_starts_paused(const struct maqet_vm *vm);

/* Whether the guest has a port for its agent: `guest_agent: on`. */
bool maqet_vm_has_agent(const struct maqet_vm *vm);

#endif
