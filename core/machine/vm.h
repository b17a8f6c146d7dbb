/* SPDX-License-Identifier: MIT */
/*
 * vm.h - a machine's definition with its plugins: checked drives, ready to be shown or
 * started.
 */
#ifndef MAQET_MACHINE_VM_H
#define MAQET_MACHINE_VM_H

#include "core/machine/definition.h"
#include "core/machine/firmware.h"
#include "core/machine/images.h"
#include "core/storage/slots.h"

struct maqet_vm {
    const struct maqet_context *context;
    struct maqet_definition *definition; /* owned */
    char *program;                       /* QEMU: a name, or an absolute path */
    struct maqet_machine machine;
    struct maqet_qemu_version version; /* that @machine has */
    struct maqet_uefi uefi;            /* the firmware, if the definition wants it */
    struct maqet_drive **drives;       /* in the order of the list */
    size_t drive_count;
    /* The records of the images; the error of reading them, which keeps the machine from
     * starting, or NULL; and whether something is not written to the disk yet. */
    struct maqet_images images;
    struct maqet_error *images_error;
    bool images_changed;
    bool dates_changed; /* only the times at which images were seen */
    /* The recorded slots of its drives; and the error of reading them, as above. */
    struct maqet_slots slots;
    struct maqet_error *slots_error;
    struct maqet_slots placed; /* where its last command line put them */
    /* The records of images of removed machines, read when they are needed. */
    struct maqet_images left;
    bool left_read;
};

/* Checks a definition (taken) against the plugins: options, drives, arguments. Writes
 * nothing. NULL on error. */
struct maqet_vm *maqet_vm_new(const struct maqet_context *context,
                              struct maqet_definition *definition,
                              struct maqet_error **err);

/* maqet_vm_new(), but drives that cannot be used as they are defined have a fault
 * (core/storage/drive.h) instead of being an error. */
struct maqet_vm *maqet_vm_look(const struct maqet_context *context,
                               struct maqet_definition *definition);

/* Whether all of its drives can be used; adds the faults of all (maqet_error_add). */
int maqet_vm_check_sound(const struct maqet_vm *vm, struct maqet_error **err);

/* maqet_vm_look() for a stored machine, by name or UUID. NULL on error. */
struct maqet_vm *maqet_vm_open(const struct maqet_context *context, const char *name,
                               struct maqet_error **err);

void maqet_vm_free(struct maqet_vm *vm);
MAQET_CLEANUP(maqet_vm, maqet_vm_free, maqet_vm_cleanup)

#define _cleanup_vm_ _cleanup_(maqet_vm_cleanup)

/* The drive with that name. NULL on error, with the closest name. */
const struct maqet_drive *maqet_vm_find_drive(const struct maqet_vm *vm, const char *name,
                                              struct maqet_error **err);

/* The drive whose image has that path; NULL: none has. */
const struct maqet_drive *maqet_vm_find_path(const struct maqet_vm *vm, const char *path);

/* The drive whose top node has that name in QEMU; NULL: none has. */
const struct maqet_drive *maqet_vm_find_node(const struct maqet_vm *vm, const char *name);

/* The user's own arguments for QEMU; NULL: there are none. */
json_object *maqet_vm_arguments(const struct maqet_vm *vm);

/* The architecture that a QEMU program emulates, as QEMU spells it, by its name; this
 * host's if the name does not say it, or is NULL. The caller frees. */
char *maqet_vm_arch_of(const char *program);

/* Whether that is a PC's. */
bool maqet_vm_arch_is_pc(const char *arch);

/* The machine type that a machine has by default, for an architecture; "": none, because
 * QEMU has no such type for all purposes. */
const char *maqet_vm_default_type(const char *arch);

/* Whether maqet, rather than QEMU, gives the machine its devices: by the number of its
 * defaults, if its machine type has a PCI bus. */
bool maqet_vm_has_own_devices(const struct maqet_vm *vm);

/* Warns that a key is ignored because `arguments` have this option. */
void maqet_vm_say_ignored(const struct maqet_vm *vm, const char *key, const char *option);

/* The name of the guest agent's port (qemu-ga(8)). */
#define MAQET_AGENT_PORT "org.qemu.guest_agent.0"
/* What QEMU calls the host's end of it. */
#define MAQET_AGENT_CHARDEV "maqet-agent"

/* Whether the guest has a port for its agent: as the key `guest_agent` says, by default
 * unless `arguments` have one. */
bool maqet_vm_has_agent(const struct maqet_vm *vm);

#endif
