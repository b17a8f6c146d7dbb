/* SPDX-License-Identifier: MIT */
/*
 * lifecycle.h - start, stop, remove: what changes a machine's state. Each takes the
 * machine's lock, and returns only when the new state is reached.
 */
#ifndef MAQET_LIFECYCLE_LIFECYCLE_H
#define MAQET_LIFECYCLE_LIFECYCLE_H

#include "core/machine/drives.h"
#include "core/machine/vm.h"

struct maqet_start {
    int64_t timeout; /* ms that QEMU has to answer */
    struct maqet_drives_consent consent;
};

/*
 * Starts a machine: checks, makes missing images, runs QEMU, and waits until it answers.
 * *pid (may be NULL) gets QEMU's PID. Running already: MAQET_ERROR_STATE.
 */
int maqet_vm_start(const struct maqet_context *context, const char *name,
                   const struct maqet_start *how, int *pid, struct maqet_error **err);

/*
 * The same, but QEMU keeps our terminal and we stay until it has ended; *exit_code gets
 * its exit code. SIGTERM and SIGHUP press the power button; a second one ends QEMU. A
 * service manager that waits for it is told when QEMU runs (sd_notify(3)).
 */
int maqet_vm_run(const struct maqet_context *context, const char *name,
                 const struct maqet_start *how, int *exit_code, struct maqet_error **err);

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
 * Starts a machine with a definition (taken) whose lock the caller holds: one that is to
 * run again as it was. @incoming may be NULL: it boots.
 */
int maqet_vm_start_again(const struct maqet_context *context,
                         struct maqet_definition *definition,
                         const struct maqet_incoming *incoming, int64_t timeout, int *pid,
                         struct maqet_error **err);

struct maqet_stop {
    int64_t timeout; /* ms that the guest has to power off */
    bool force;      /* kill QEMU afterwards */
    /* Called about once a second while we wait; NULL: nobody wants to know. */
    void (*waiting)(void *data, const char *name, int64_t left);
    void *data;
};

/* Stops a machine; *was_running (may be NULL) tells whether there was something to stop.
 * The guest did not power off in time and @force is not set: MAQET_ERROR_TIMEOUT. */
int maqet_vm_stop(const struct maqet_context *context, const char *name,
                  const struct maqet_stop *stop, bool *was_running,
                  struct maqet_error **err);

struct maqet_remove {
    bool force;          /* kill QEMU when it runs; else a running machine is an error */
    bool delete_storage; /* remove the images that we made */
};

/* Whether a machine could be removed without force: it does not run, and its folder holds
 * nothing of somebody else. */
int maqet_vm_removable(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* A file of a machine that goes. */
struct maqet_removal_file {
    char *path;
    bool image;    /* else a checkpoint's memory */
    uint64_t size; /* bytes that it takes on the disk */
    bool removed;  /* it goes, or has gone */
    char *reason;  /* why it goes or stays, as a phrase; never NULL */
};

/* What becomes of all of them. */
struct maqet_removal {
    struct maqet_removal_file *files;
    size_t count;
};

void maqet_removal_clear(struct maqet_removal *removal);

#define _cleanup_removal_ _cleanup_(maqet_removal_clear)

/* What removing a machine would come to, as of now. */
int maqet_vm_plan_removal(const struct maqet_context *context, const char *name,
                          const struct maqet_remove *how, struct maqet_removal *plan,
                          struct maqet_error **err);

/* Forgets a machine. @receipt tells what has become of its files, as the plan does. */
int maqet_vm_remove(const struct maqet_context *context, const char *name,
                    const struct maqet_remove *how, struct maqet_removal *receipt,
                    struct maqet_error **err);

/* Replaces a machine's definition, or adds it when there is none. *change (may be NULL)
 * is "created", "changed" or "unchanged". Takes the definition. */
int maqet_vm_apply(const struct maqet_context *context,
                   struct maqet_definition *definition, const char **outcome,
                   struct maqet_error **err);

struct maqet_resize {
    uint64_t bytes;
    bool relative; /* so many more than there are */
};

/* Makes what a drive is made of larger, whether the machine runs or not. *before and
 * *after get the sizes, in bytes; they are equal where there was nothing to do. */
int maqet_vm_resize(const struct maqet_context *context, const char *name,
                    const char *drive, const struct maqet_resize *how, uint64_t *before,
                    uint64_t *after, struct maqet_error **err);

#endif
