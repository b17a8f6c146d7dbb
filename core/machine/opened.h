/* SPDX-License-Identifier: MIT */
/*
 * opened.h - a machine that a command works at or looks at: its lock, whether its QEMU
 * runs, its definition with its drives, and the conversation with QEMU (monitor.h). This
 * is the only way to a machine, so what holds for all commands is done here and once:
 * nothing that a QEMU has left behind is in the way, and an operation that was
 * interrupted is recovered before anything else happens.
 */
#ifndef MAQET_MACHINE_OPENED_H
#define MAQET_MACHINE_OPENED_H

#include "core/machine/run.h"
#include "core/machine/vm.h"

/* How a machine is opened; with none of these it is only looked at. */
enum maqet_open {
    MAQET_OPEN_LOCK = 1 << 0,      /* waits for its lock as long as the context says */
    MAQET_OPEN_TRY_LOCK = 1 << 1,  /* takes its lock when it is free, or does without */
    MAQET_OPEN_RUNNING = 1 << 2,   /* it must run, and its QEMU must be reachable */
    MAQET_OPEN_REACHABLE = 1 << 3, /* when it runs, its QEMU must be reachable */
    MAQET_OPEN_VM = 1 << 4,        /* its definition is loaded at once */
    MAQET_OPEN_FOLDER = 1 << 5,    /* its run folder is made where it is missing */
    /* What happens with the lock held when an operation was interrupted. By default
     * context->recover() puts it right. */
    MAQET_OPEN_ALLOW_PENDING = 1 << 6, /* nothing: that is the caller's business */
    MAQET_OPEN_REFUSE_PENDING = 1 << 7 /* MAQET_ERROR_STATE */
};

/* What a command does about a QEMU that does not answer. */
enum maqet_on_silence {
    MAQET_ON_SILENCE_FAIL,
    MAQET_ON_SILENCE_READ, /* it reads the images instead */
    MAQET_ON_SILENCE_END,  /* the same, and ends QEMU, as it does in any case */
};

struct maqet_opened {
    const struct maqet_context *context;
    char *name;           /* whether the user gave that or a UUID */
    unsigned how;         /* of enum maqet_open */
    int lock;             /* the machine's; -1: not held, so nothing may be changed */
    struct maqet_run run; /* whether it runs, and where */
    struct maqet_vm *vm;  /* as it was started, when it runs; NULL: not loaded as yet */

    /* The conversation with QEMU. */
    int qmp_lock;
    struct maqet_qmp *qmp; /* NULL: not connected */
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

/* Lets go of it, and of its lock; NULL is allowed. */
void maqet_opened_close(struct maqet_opened *machine);
MAQET_CLEANUP(maqet_opened, maqet_opened_close, maqet_opened_cleanup)

#define _cleanup_opened_ _cleanup_(maqet_opened_cleanup)

/* Gives its lock back; from here on it is only looked at. */
void maqet_opened_unlock(struct maqet_opened *machine);

/* Looks again whether it runs: after an error QEMU may have gone. */
int maqet_opened_look(struct maqet_opened *machine, struct maqet_error **err);

/* The definition with its drives, loaded when it is first needed: that with which the
 * machine was started when it runs, else the stored one. It stays the machine's. NULL on
 * error. */
struct maqet_vm *maqet_opened_vm(struct maqet_opened *machine, struct maqet_error **err);

/* Notes with which definition it is being started. */
int maqet_opened_note_definition(const struct maqet_opened *machine,
                                 const struct maqet_definition *definition,
                                 struct maqet_error **err);

/* That definition anew; where there is no record of it, the stored one. The caller frees.
 */
struct maqet_definition *maqet_opened_definition(const struct maqet_opened *machine,
                                                 struct maqet_error **err);

/* Makes its run folder where that is missing. */
int maqet_opened_enter(struct maqet_opened *machine, struct maqet_error **err);

/* MAQET_ERROR_STATE where something was interrupted: neither may a guest write to the
 * images then, nor may it be forgotten which images they are. */
int maqet_opened_check_pending(const struct maqet_opened *machine,
                               struct maqet_error **err);

/* Recovers what was interrupted, if anything was, by context->recover(); without that, what
 * is pending is MAQET_ERROR_STATE. The lock is held. QEMU may have been ended by it. */
int maqet_opened_recover(struct maqet_opened *machine, struct maqet_error **err);

/* An error (MAQET_ERROR_STATE) of a machine that runs: "VM 'web' is running
 * already (PID 12)", without a hint; @already may be left out. Returns -1. */
int maqet_opened_error_running(const struct maqet_opened *machine, bool already,
                               struct maqet_error **err);

/* Ends QEMU, which runs, so that the rest is done without it. What the guest had in memory
 * is lost. */
int maqet_opened_end_qemu(struct maqet_opened *machine, struct maqet_error **err);

#endif
