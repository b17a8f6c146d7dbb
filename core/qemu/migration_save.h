/* SPDX-License-Identifier: MIT */
/*
 * migration_save.h - the state of a running guest (its memory, and that of its devices) to
 * a file, by QEMU's migration.
 *
 * What the file is to be in step with, the drives for example, is done by a callback
 * while the guest is paused. There are three methods:
 *
 * background: QEMU makes memory ready while the guest runs, and waits at the pipe. Then
 * the guest is paused for its devices' state only. Its memory is written while it runs
 * on; what it is about to change is written first. Needs userfaultfd.
 * precopy: memory is written while the guest runs, and what it has changed meanwhile
 * again, until the rest is written in a moment in which it is paused. Not sound for every
 * guest (see the .c file).
 * stop: the guest is paused until all is written.
 */
#ifndef MAQET_QEMU_MIGRATION_SAVE_H
#define MAQET_QEMU_MIGRATION_SAVE_H

#include "core/qemu/qmp.h"

enum maqet_migration_method {
    MAQET_MIGRATION_AUTO, /* the first of these that works */
    MAQET_MIGRATION_BACKGROUND,
    MAQET_MIGRATION_PRECOPY,
    MAQET_MIGRATION_STOP,
};

/* "background"; "auto". NULL after the last one. */
const char *maqet_migration_method_name(unsigned method);

struct maqet_migration_save {
    /* For QEMU to write to: a pipe that takes nothing before take() is called. */
    int fd;
    /* The file itself, open for writing only, for a QEMU that can put each page in a
     * place of its own there; -1: there is only the pipe. */
    int file;
    int pid; /* of QEMU */
    enum maqet_migration_method method;
    int64_t limit; /* ms for which precopy may go on before the guest is stopped for it */
    void (*take)(void *data); /* may be called again, which has no effect */
    /* Called once before the guest is paused: what can be done by then makes that shorter. */
    void (*soon)(void *data);
    /* Called once while the guest is paused. 0, or -1 with an error, which ends it all. */
    int (*still)(void *data, struct maqet_error **err);
    /* Called some times a second: bytes done and left, as far as is known; or NULL. */
    void (*progress)(void *data, uint64_t done, uint64_t left, uint64_t rate);
    /* Called when QEMU has its copy of the pipe, or does not need it. */
    void (*given)(void *data);
    void *data;
};

struct maqet_migration_result {
    enum maqet_migration_method method; /* the one that was used */
    char *reason; /* why not the first one of all; NULL: it was. The caller frees. */
    bool mapped;  /* each page has its place in the file: so it is to be loaded */
    bool stuck;   /* after a failure: the guest may not run on, and QEMU did not answer */
    uint64_t bytes;
};

/* Whether precopy saves what the guest has in its memory, by QEMU's version as one number. */
bool maqet_migration_precopy_sound(int version, bool emulated);

/* An error where that method is known to save a corrupt state of this guest; before
 * anything is begun. */
int maqet_migration_check_method(struct maqet_qmp *qmp,
                                 enum maqet_migration_method method,
                                 struct maqet_error **err);

/* Saves the state of a guest that runs. In the end it runs on, even after a
 * failure, unless @result says that it is stuck. */
int maqet_migration_save(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                         struct maqet_migration_result *result, struct maqet_error **err);

#endif
