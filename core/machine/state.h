/* SPDX-License-Identifier: MIT */
/*
 * state.h - what a machine is doing. Liveness is the lock on DATA/vms/NAME/run, which
 * QEMU holds until it dies; never a PID alone.
 */
#ifndef MAQET_MACHINE_STATE_H
#define MAQET_MACHINE_STATE_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/machine/full.h"

enum maqet_status {
    MAQET_STATUS_CREATED, /* never started */
    MAQET_STATUS_RUNNING,
    MAQET_STATUS_PAUSED,
    MAQET_STATUS_STOPPED,
    MAQET_STATUS_CRASHED,      /* QEMU ended without cleaning up */
    MAQET_STATUS_UNRESPONSIVE, /* QEMU runs, and did not answer */
};

/* What came of asking QEMU. */
enum maqet_response {
    MAQET_RESPONSE_NONE, /* it was not asked, or does not run any more */
    MAQET_RESPONSE_GIVEN,
    MAQET_RESPONSE_BUSY,   /* another maqet had its monitor all the time */
    MAQET_RESPONSE_MISSING /* it did not answer in time */
};

/* Why a guest is paused. */
enum maqet_pause {
    MAQET_PAUSE_NONE, /* by a person, or for a reason that QEMU does not tell */
    MAQET_PAUSE_FULL, /* a write found no room on the host */
    MAQET_PAUSE_ERROR /* reading or writing a drive failed otherwise */
};

struct maqet_state {
    enum maqet_status status;
    enum maqet_pause pause;
    struct maqet_full full; /* the drives without room, see maqet_state_clear() */
    int pid;                /* of QEMU; 0 when it doesn't run */
    bool lost;       /* it runs, but its runtime folder is gone, so it can't be asked */
    int64_t uptime;  /* ms */
    uint64_t memory; /* resident bytes of QEMU */
    double cpu;      /* percent of one processor since QEMU's start */
    char process;    /* the state of QEMU's process as proc(5) has it: 'T' is stopped */
    enum maqet_response response;
};

/* "running"; NULL after the last one. */
const char *maqet_status_name(unsigned status);

/* The same, and what else there is to be said: "running, runtime folder lost". */
const char *maqet_state_text(const struct maqet_state *state);

/* "disk full"; NULL for MAQET_PAUSE_NONE. */
const char *maqet_pause_name(enum maqet_pause pause);

/* Frees what the state of a machine that was asked may hold. */
void maqet_state_clear(struct maqet_state *state);

#define _cleanup_state_ _cleanup_(maqet_state_clear)

/* Looks at the process and the files alone: whether a machine that runs is paused, or
 * does not answer, is not known then; its status is MAQET_STATUS_RUNNING. */
int maqet_state_look(const struct maqet_context *context, const char *name,
                     struct maqet_state *state, struct maqet_error **err);

/* Asks QEMU as well, which may take a second. */
int maqet_state_read(const struct maqet_context *context, const char *name,
                     struct maqet_state *state, struct maqet_error **err);

/* One of several machines that are looked at. */
struct maqet_state_row {
    const char *name;
    struct maqet_state state;
    struct maqet_error *error; /* NULL: the state is known */
    /* The caller frees the error, and clears the state. */
};

/* The states of several machines; with @ask, all QEMUs are asked at the same time, which
 * takes no longer than one of them may. */
void maqet_states_read(const struct maqet_context *context, struct maqet_state_row *rows,
                       size_t count, bool ask);

/* What there is to be warned of: a QEMU that did not answer or can't be asked, or a full
 * disk, and the next step; NULL: nothing. The caller frees. */
struct maqet_error *maqet_state_notice(const char *name, const struct maqet_state *state);

/* What is known of a crash. The caller frees. */
struct maqet_error *maqet_crash_notice(const struct maqet_context *context,
                                       const char *name);

#endif
