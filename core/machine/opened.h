/* SPDX-License-Identifier: MIT */
/*
 * opened.h - a machine that a command works on or inspects: its lock, whether its QEMU
 * runs, its definition with its drives, and the connection to QEMU (monitor.h). All
 * commands open machines here, so here what a QEMU has left behind is removed, and an
 * interrupted job is recovered before anything else happens.
 */
#ifndef MAQET_MACHINE_OPENED_H
#define MAQET_MACHINE_OPENED_H

#include "core/machine/run.h"
#include "core/machine/vm.h"

/* How a machine is opened; without flags, it is only inspected. */
enum maqet_open {
    MAQET_OPEN_LOCK = 1 << 0,      /* waits for its lock (context->lock_timeout) */
    MAQET_OPEN_TRY_LOCK = 1 << 1,  /* takes its lock if it is free */
    MAQET_OPEN_RUNNING = 1 << 2,   /* it must run, and its QEMU must be reachable */
    MAQET_OPEN_REACHABLE = 1 << 3, /* if it runs, its QEMU must be reachable */
    MAQET_OPEN_VM = 1 << 4,        /* its definition is loaded at once */
    MAQET_OPEN_FOLDER = 1 << 5,    /* its run folder is created if it is missing */
    /* With the lock, an interrupted job is recovered by context->recover(), but for: */
    MAQET_OPEN_ALLOW_PENDING = 1 << 6, /* it is ignored */
    MAQET_OPEN_REFUSE_PENDING = 1 << 7 /* MAQET_ERROR_STATE */
};

/* What a command does about a QEMU that does not answer. */
enum maqet_on_silence {
    MAQET_ON_SILENCE_FAIL,
    MAQET_ON_SILENCE_READ, /* reads the images instead */
    MAQET_ON_SILENCE_END,  /* the same, and ends QEMU, as it would in any case */
};

struct maqet_opened {
    const struct maqet_context *context;
    char *name;           /* even if the user gave a UUID */
    unsigned how;         /* of enum maqet_open */
    int lock;             /* -1: not held, so nothing may be changed */
    struct maqet_run run; /* whether it runs, and where */
    struct maqet_vm *vm;  /* if it runs, as it was started; NULL: not loaded yet */
    /* Why something that is due after its end (ended.h) could not be done; NULL: nothing
     * is due. It is said when the machine is closed. */
    struct maqet_error *unsettled;

    /* The connection to QEMU. */
    int qmp_lock;
    struct maqet_qmp *qmp; /* NULL: not connected */
    bool stale;            /* the answer to a question that was interrupted may arrive */
    int64_t answer_limit;  /* ms that QEMU has for all answers together */
    int64_t answer_left;   /* what is left of them */
    enum maqet_on_silence on_silence;
    bool silent; /* QEMU did not answer, and is not asked again */
};

/* Opens a machine; @how is of enum maqet_open. The context must outlive it. NULL on
 * error: MAQET_ERROR_MISSING, MAQET_ERROR_TIMEOUT of the lock, MAQET_ERROR_STATE. */
struct maqet_opened *maqet_open(const struct maqet_context *context,
                                const char *name_or_uuid, unsigned how,
                                struct maqet_error **err);

/* Closes it, and releases its lock; NULL is allowed. */
void maqet_opened_close(struct maqet_opened *machine);
MAQET_CLEANUP(maqet_opened, maqet_opened_close, maqet_opened_cleanup)

#define _cleanup_opened_ _cleanup_(maqet_opened_cleanup)

/* Releases its lock; from here on it is only inspected. */
void maqet_opened_unlock(struct maqet_opened *machine);

/* Looks again whether it runs: after an error QEMU may have ended. */
int maqet_opened_look(struct maqet_opened *machine, struct maqet_error **err);

/* The definition with its drives, loaded when it is first needed, and owned by the
 * machine: if the machine runs, the one that it was started with, else the stored one.
 * NULL on error. */
struct maqet_vm *maqet_opened_vm(struct maqet_opened *machine, struct maqet_error **err);

/* Records the definition that it is started with. */
int maqet_opened_note_definition(const struct maqet_opened *machine,
                                 const struct maqet_definition *definition,
                                 struct maqet_error **err);

/* Loads that definition, or the stored one if none is recorded. The caller frees. */
struct maqet_definition *maqet_opened_definition(const struct maqet_opened *machine,
                                                 struct maqet_error **err);

/* Creates its run folder if that is missing. */
int maqet_opened_enter(struct maqet_opened *machine, struct maqet_error **err);

/* MAQET_ERROR_STATE if a job was interrupted: then no guest may write to the images, and
 * their records must be kept. */
int maqet_opened_check_pending(const struct maqet_opened *machine,
                               struct maqet_error **err);

/* Settles what a killed command without a job has left of the drives, by context->settle(), which
 * asks a QEMU that runs. The lock is held, the definition is loaded, and no job is pending. Opening
 * does so with MAQET_OPEN_VM, unless QEMU need not be reachable. A drive with which that fails gets
 * the fault MAQET_FAULT_FILES, and no other one is affected. */
void maqet_opened_settle(struct maqet_opened *machine);

/* Recovers an interrupted job, if there is one, by context->recover(), which may end
 * QEMU; without that function, it is MAQET_ERROR_STATE. The lock is held. */
int maqet_opened_recover(struct maqet_opened *machine, struct maqet_error **err);

/* MAQET_ERROR_STATE for a machine that runs: "VM 'web' is [already ]running (PID 12)",
 * without a hint. Returns -1. */
int maqet_opened_error_running(const struct maqet_opened *machine, bool already,
                               struct maqet_error **err);

/* Ends QEMU, which runs. What the guest had in memory is lost. */
int maqet_opened_end_qemu(struct maqet_opened *machine, struct maqet_error **err);

#endif
