/* SPDX-License-Identifier: MIT */
/*
 * plugging.h - one drive that is attached to a machine, or detached from it: its objects
 * in QEMU while that runs, and its entry in the definitions. attach.c and detach.c are
 * the two directions, and plugging_job.c what is recorded meanwhile and afterwards.
 */
#ifndef MAQET_LIFECYCLE_PLUGGING_H
#define MAQET_LIFECYCLE_PLUGGING_H

#include "core/machine/drives.h"
#include "core/qemu/plugged.h"

/* ms that QEMU has for each answer: opening an encrypted image takes seconds. */
#define MAQET_PLUGGING_ANSWER_TIMEOUT INT64_C(60000)

struct maqet_plugging {
    struct maqet_opened *machine; /* locked */
    struct maqet_vm *vm;          /* the running definition, or the stored one, with the
                                   * drive */
    struct maqet_drive *drive;    /* of @vm */
    json_object *entry;           /* of the drive */
    bool transient;               /* the stored definition stays as it is */
    bool known;                   /* its image was recorded before */
    bool exists;                  /* its image existed before */
    /* While the machine runs. */
    struct maqet_plugged plugged; /* what QEMU has, when it was last asked */
    struct maqet_args *args;      /* the objects of the drive */
};

void maqet_plugging_clear(struct maqet_plugging *plugging);

#define _cleanup_plugging_ _cleanup_(maqet_plugging_clear)

/* Loads the definition that the opened machine runs with (stopped: the stored one), with
 * this entry (shared) of the drive. */
int maqet_plugging_open(struct maqet_plugging *plugging, struct maqet_opened *machine,
                        json_object *entry, struct maqet_error **err);

/* MAQET_ERROR_UNSUPPORTED: such a drive can only be attached or detached while the machine
 * is stopped. */
int maqet_plugging_check_hot(const struct maqet_plugging *plugging,
                             struct maqet_error **err);

/* ---- a QEMU that runs ---- */

/* Asks what QEMU has, and has the plugins emit the drive's objects. */
int maqet_plugging_look(struct maqet_plugging *plugging, struct maqet_error **err);

/* Whether QEMU has the device of the drive. */
bool maqet_plugging_is_there(const struct maqet_plugging *plugging);

/* The id of the drive's device. */
const char *maqet_plugging_device(const struct maqet_plugging *plugging);

/* Opens the drive's files for QEMU, and adds the objects that the guest does not see; and
 * removes them again. */
int maqet_plugging_add_nodes(struct maqet_plugging *plugging, struct maqet_error **err);
int maqet_plugging_remove_nodes(struct maqet_plugging *plugging,
                                struct maqet_error **err);

/* Adds these and its devices, and runs its program. */
int maqet_plugging_add(struct maqet_plugging *plugging, struct maqet_error **err);

/* Removes those of its devices that QEMU has, which the guest must release within @timeout
 * ms. */
int maqet_plugging_remove_devices(struct maqet_plugging *plugging, int64_t timeout,
                                  struct maqet_error **err);

/* Asks QEMU again, and removes everything else, when its device has gone; ends its
 * program. */
int maqet_plugging_remove_rest(struct maqet_plugging *plugging, struct maqet_error **err);

#endif
