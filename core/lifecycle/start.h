/* SPDX-License-Identifier: MIT */
/*
 * start.h - starting a machine. Its lock is held until QEMU has answered.
 */
#ifndef MAQET_LIFECYCLE_START_H
#define MAQET_LIFECYCLE_START_H

#include "core/machine/drives.h"
#include "core/machine/opened.h"

struct maqet_start {
    int64_t timeout;   /* ms that QEMU has to answer */
    bool dies_with_us; /* QEMU is killed when we die; not of maqet_vm_run() */
    struct maqet_drives_consent consent;
};

/*
 * Starts a machine: checks, makes missing images, runs QEMU, and waits until it answers.
 * *pid (may be NULL) gets QEMU's PID. Running already: MAQET_ERROR_STATE.
 */
int maqet_vm_start(const struct maqet_context *context, const char *name,
                   const struct maqet_start *how, int *pid, struct maqet_error **err);

/* A state with which a guest goes on instead of booting. */
struct maqet_incoming {
    int fd;              /* the file, as QEMU wrote it; stays the caller's */
    bool mapped;         /* each page has its place in it */
    const char *machine; /* the type of machine that it needs; NULL: the definition's */
    const struct maqet_slots *slots; /* where the drives sat when it was saved */
    /* For a guest whose changes are thrown away: the drives that it gets from servers,
     * and the sockets of these, in the same order. QEMU ends with us then. Both may be
     * NULL. */
    const struct maqet_strings *served;
    const struct maqet_strings *sockets;
};

/*
 * Starts an opened machine, which is locked and at rest, with a definition (taken): one
 * that is to run again as it was. It runs afterwards. @incoming may be NULL: it boots.
 */
int maqet_vm_start_again(struct maqet_opened *machine,
                         struct maqet_definition *definition,
                         const struct maqet_incoming *incoming, int64_t timeout,
                         struct maqet_error **err);

/*
 * Starts a machine as maqet_vm_start() does, but QEMU keeps our terminal, and we stay until
 * it has ended; *exit_code gets its exit code. SIGTERM and SIGHUP press the power button; a
 * second one ends QEMU. A service manager is told when QEMU runs (sd_notify(3)).
 */
int maqet_vm_run(const struct maqet_context *context, const char *name,
                 const struct maqet_start *how, int *exit_code, struct maqet_error **err);

#endif
