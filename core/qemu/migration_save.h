/* SPDX-License-Identifier: MIT */
/*
 * migration_save.h - saves the state of a running guest (its memory and that of its
 * devices) to a file, by QEMU's migration.
 *
 * While the guest is paused, a callback saves what must match the file, such as the drives.
 * There are three methods:
 *
 * background: QEMU prepares memory while the guest runs, and waits at the pipe. The guest
 * is paused only while its devices are saved. Memory is written while the guest runs again;
 * pages that it is about to change are written first. Needs userfaultfd.
 * precopy: memory is written while the guest runs, and pages that it changes are written
 * again, until the rest can be written during a short pause. Not safe for every guest (see
 * the .c file).
 * stop: the guest is paused until everything is written.
 */
#ifndef MAQET_QEMU_MIGRATION_SAVE_H
#define MAQET_QEMU_MIGRATION_SAVE_H

#include "core/qemu/qmp.h"

enum maqet_migration_method {
    MAQET_MIGRATION_AUTO, /* the first of the others that works */
    MAQET_MIGRATION_BACKGROUND,
    MAQET_MIGRATION_PRECOPY,
    MAQET_MIGRATION_STOP,
};

/* "background"; "auto". NULL after the last one. */
const char *maqet_migration_method_name(unsigned method);

struct maqet_migration_save {
    int fd; /* a pipe to which QEMU writes; it accepts nothing before take() is called */
    int file; /* the file itself, write-only, for mapped-ram; -1: only the pipe */
    int pid;  /* of QEMU */
    enum maqet_migration_method method;
    /* The pages may be taken out of what QEMU writes (migration_split.h). QEMU reads the
     * state only if it is told that, and if not, refuses it. The guest's memory must not be
     * shared with other processes: it would not be saved. */
    bool splittable;
    int64_t limit;            /* ms after which precopy pauses the guest */
    void (*take)(void *data); /* may be called again, without effect */
    /* Called once before the guest is paused, to shorten the pause. */
    void (*soon)(void *data);
    /* Called once while the guest is paused. 0, or -1 and an error, which ends it all. */
    int (*still)(void *data, struct maqet_error **err);
    /* Called several times a second with bytes of memory done and left, and bytes written,
     * as far as known; or NULL. */
    void (*progress)(void *data, uint64_t done, uint64_t left, uint64_t written);
    /* Called when QEMU has its copy of the pipe, or does not need it. */
    void (*given)(void *data);
    void *data;
};

struct maqet_migration_result {
    enum maqet_migration_method method; /* the one that was used */
    char *reason; /* why not a better one; NULL: it is the best. The caller frees. */
    bool mapped;  /* how to load it: each page has a fixed offset in the file */
    bool stuck;   /* after a failure: the guest may be paused, and QEMU did not answer */
};

/* Whether precopy with that version of QEMU (as in struct maqet_qmp) saves all writes of a
 * guest. @emulated: by TCG. */
bool maqet_migration_precopy_sound(int version, bool emulated);

/* Refuses a method that is known to corrupt the state of this guest. */
int maqet_migration_check_method(struct maqet_qmp *qmp,
                                 enum maqet_migration_method method,
                                 struct maqet_error **err);

/* Saves the state of a running guest. Afterwards it runs again, even after a failure, unless
 * @result says that it is stuck. */
int maqet_migration_save(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                         struct maqet_migration_result *result, struct maqet_error **err);

#endif
