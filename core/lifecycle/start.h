/* SPDX-License-Identifier: MIT */
/*
 * start.h - starts a machine, and has its lock until QEMU has answered.
 */
#ifndef MAQET_LIFECYCLE_START_H
#define MAQET_LIFECYCLE_START_H

#include "core/machine/command_line.h"
#include "core/machine/drives.h"
#include "core/machine/opened.h"

struct maqet_start {
    int64_t timeout;   /* ms that QEMU has to answer */
    bool dies_with_us; /* QEMU is killed when we die; not of maqet_vm_run() */
    struct maqet_drives_consent consent;
};

/* Starts a machine: checks it, creates missing images, runs QEMU, and waits until it
 * answers. *pid (may be NULL) gets QEMU's PID. *running: it was running before, and nothing
 * was done; if @running is NULL, that is MAQET_ERROR_STATE. It is in any case if the guest is
 * paused or the run folder is lost. */
int maqet_vm_start(const struct maqet_context *context, const char *name,
                   const struct maqet_start *how, int *pid, bool *running,
                   struct maqet_error **err);

/* A drive of which the guest sees another image than its own (core/storage/drive.h). */
struct maqet_shown {
    const char *drive;
    struct maqet_strings image;
};

/* A saved state with which a guest resumes instead of booting. */
struct maqet_incoming {
    int fd;          /* the file, as QEMU wrote it; stays the caller's */
    bool mapped;     /* each page has its place in it */
    bool splittable; /* see struct maqet_migration_save */
    struct maqet_mapped_memory memory; /* the memory is in that file; NULL: in @fd */
    const char *machine; /* the machine type that it needs; NULL: the definition's */
    const struct maqet_slots *slots; /* of the drives when it was saved */
    /* Of a guest whose changes are discarded: what it sees of drives. */
    const struct maqet_shown *shown;
    size_t shown_count;
    bool dies_with_us; /* QEMU is killed when we die */
    bool stands;       /* the guest is not resumed yet; the monitor stays connected */
};

/* Starts an opened machine, which is locked and stopped, with a definition (taken), so that
 * it runs again as before. @incoming may be NULL: the guest boots. */
int maqet_vm_start_again(struct maqet_opened *machine,
                         struct maqet_definition *definition,
                         const struct maqet_incoming *incoming, int64_t timeout,
                         struct maqet_error **err);

/*
 * Starts a machine as maqet_vm_start() does, but QEMU has our terminal, and we wait until it
 * ends; *exit_code gets its exit code. SIGTERM and SIGHUP press the power button; a second
 * one ends QEMU. The service manager is notified when QEMU runs (sd_notify(3)).
 */
int maqet_vm_run(const struct maqet_context *context, const char *name,
                 const struct maqet_start *how, int *exit_code, struct maqet_error **err);

#endif
