/* SPDX-License-Identifier: MIT */
/*
 * migration_method.h - by which method the state of a running guest is saved
 * (migration_save.h).
 *
 * background: the guest is paused only while its devices are saved. Memory is written while
 * the guest runs again; pages that it is about to change are written first. Needs
 * userfaultfd.
 * precopy: memory is written while the guest runs, and pages that it changes are written
 * again, until the rest can be written during a short pause. Not safe for every guest, and
 * not for one that changes its memory faster than it is written.
 * stop: the guest is paused until everything is written.
 */
#ifndef MAQET_QEMU_MIGRATION_METHOD_H
#define MAQET_QEMU_MIGRATION_METHOD_H

#include "core/qemu/qmp.h"

enum maqet_migration_method {
    MAQET_MIGRATION_AUTO, /* the one with the shortest pause that works */
    MAQET_MIGRATION_BACKGROUND,
    MAQET_MIGRATION_PRECOPY,
    MAQET_MIGRATION_STOP,
};

/* "background"; "auto". NULL after the last one. */
const char *maqet_migration_method_name(unsigned method);

/* The capability of QEMU that a method needs; NULL: none. */
const char *maqet_migration_method_capability(enum maqet_migration_method method);

/* Whether precopy with that version of QEMU (as in struct maqet_qmp) saves all writes of a
 * guest. @emulated: by TCG. */
bool maqet_migration_precopy_sound(int version, bool emulated);

/* Whether the guest can run while that version of QEMU prepares its memory for the
 * background. */
bool maqet_migration_prepares_running(int version);

/* Refuses a method that is known to corrupt the state of this guest. */
int maqet_migration_check_method(struct maqet_qmp *qmp,
                                 enum maqet_migration_method method,
                                 struct maqet_error **err);

struct maqet_migration_choice {
    enum maqet_migration_method method;
    char *reason;    /* why not a better one; NULL: it is the best. The caller frees. */
    bool background; /* precopy was chosen, and may be given up: the background works */
};

/* Prepares QEMU for the wanted method, or for the best one that works. The method's
 * capability is on afterwards. */
int maqet_migration_choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
                           struct maqet_migration_choice *choice,
                           struct maqet_error **err);

#endif
