/* SPDX-License-Identifier: MIT */
/*
 * migration_save.h - saves the state of a running guest (its memory and that of its
 * devices) to a file, by QEMU's migration.
 *
 * While the guest is paused, a callback saves what must match the file, such as the drives.
 * How long it is paused depends on the method (migration_method.h).
 */
#ifndef MAQET_QEMU_MIGRATION_SAVE_H
#define MAQET_QEMU_MIGRATION_SAVE_H

#include "core/qemu/migration_method.h"

struct maqet_migration_save {
    int fd; /* a pipe to which QEMU writes; it accepts nothing before take() is called */
    int file; /* the file itself, write-only, for mapped-ram; -1: only the pipe */
    /* The file that gets the memory, by whomever, and is brought to the disk before precopy pauses
     * the guest; -1: not known. */
    int memory;
    int pid; /* of QEMU */
    enum maqet_migration_method method;
    /* The pages may be taken out of what QEMU writes (migration_split.h). QEMU reads the
     * state only if it is told that, and if not, refuses it. The guest's memory must not be
     * shared with other processes: it would not be saved. */
    bool splittable;
    int64_t limit; /* ms after which precopy pauses the guest, or is given up */
    void (*take)(void *data); /* may be called again, without effect */
    /* Called when what QEMU writes is of no use; everything is still to be read. */
    void (*discard)(void *data);
    /* Called before the guest is paused, to shorten the pause; by precopy several times, since it
     * does not know the moment. */
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
    bool background; /* precopy may be given up: memory can be saved in the background */
};

/* Saves the state of a running guest. Afterwards it runs again, even after a failure, unless
 * @result says that it is stuck. 1: precopy was given up, as the guest changes its memory
 * too fast, and the guest was not paused; it is to be saved in the background, with another
 * pipe and empty files. */
int maqet_migration_save(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                         struct maqet_migration_result *result, struct maqet_error **err);

#endif
