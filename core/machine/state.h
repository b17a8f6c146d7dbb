/* SPDX-License-Identifier: MIT */
/*
 * state.h - the state of a machine. It runs while the lock on DATA/vms/NAME/run is held,
 * as QEMU does until it dies; a PID alone is never enough.
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
    MAQET_STATUS_PANICKED, /* it runs, but the guest's kernel has given up */
    MAQET_STATUS_STOPPED,
    MAQET_STATUS_CRASHED,      /* QEMU ended without cleaning up */
    MAQET_STATUS_UNRESPONSIVE, /* QEMU runs, but did not answer */
};

/* The result of asking QEMU. */
enum maqet_response {
    MAQET_RESPONSE_NONE, /* it was not asked, or no longer runs */
    MAQET_RESPONSE_GIVEN,
    MAQET_RESPONSE_BUSY,   /* another maqet was using its monitor */
    MAQET_RESPONSE_MISSING /* it did not answer in time */
};

/* Why a guest is paused. */
enum maqet_pause {
    MAQET_PAUSE_NONE,      /* by a person, or for a reason that QEMU does not report */
    MAQET_PAUSE_FULL,      /* no space on the host for a write */
    MAQET_PAUSE_ERROR,     /* another error of a drive */
    MAQET_PAUSE_WATCHDOG,  /* its watchdog has expired */
    MAQET_PAUSE_FAILED,    /* the processor or the accelerator failed */
    MAQET_PAUSE_ASLEEP,    /* the guest sleeps, until it is woken up */
    MAQET_PAUSE_OFF,       /* the guest has powered off */
    MAQET_PAUSE_NOT_BEGUN, /* it has not run yet */
    MAQET_PAUSE_MIGRATION  /* its memory is being saved or loaded, or was */
};

struct maqet_state {
    enum maqet_status status;
    enum maqet_pause pause;
    struct maqet_full full;      /* the drives without space */
    struct maqet_strings failed; /* those with another error */
    int pid;                     /* of QEMU; 0: it does not run */
    bool lost;       /* it runs, but its runtime folder is gone, so it cannot be asked */
    int64_t uptime;  /* ms */
    uint64_t memory; /* resident bytes of QEMU */
    double cpu;      /* percent of one processor since QEMU's start */
    char process;    /* the state of QEMU's process as in proc(5): 'T' is stopped */
    enum maqet_response response;
    /* Filled by maqet_states_read() and those for one machine alone. */
    char *folder;                 /* the run folder */
    struct maqet_strings pending; /* keys that the next start changes (pending.h) */
};

/* "running"; NULL after the last one. */
const char *maqet_status_name(unsigned status);

/* The same, or "running, runtime folder lost". */
const char *maqet_state_text(const struct maqet_state *state);

/* "disk full"; NULL for MAQET_PAUSE_NONE. */
const char *maqet_pause_name(enum maqet_pause pause);

/* Whether a reason, by its name, is a fault, which somebody must repair. */
bool maqet_pause_is_fault(const char *name);

void maqet_state_clear(struct maqet_state *state);

#define _cleanup_state_ _cleanup_(maqet_state_clear)

/* Looks only at the process and the files. A machine that runs has MAQET_STATUS_RUNNING,
 * even if it is paused or does not answer. */
int maqet_state_look(const struct maqet_context *context, const char *name,
                     struct maqet_state *state, struct maqet_error **err);

/* Also asks QEMU, which may take a second. The caller clears the state. */
int maqet_state_read(const struct maqet_context *context, const char *name,
                     struct maqet_state *state, struct maqet_error **err);

/* The same with another limit, in ms, for each of the two questions. */
int maqet_state_read_within(const struct maqet_context *context, const char *name,
                            int64_t limit, struct maqet_state *state,
                            struct maqet_error **err);

/* One of several machines. */
struct maqet_state_row {
    const char *name;
    struct maqet_state state;
    struct maqet_error *error; /* the caller's; NULL: the state is known */
};

/* The states of several machines. With @ask, all QEMUs are asked at the same time, which
 * takes no longer than for one. */
void maqet_states_read(const struct maqet_context *context, struct maqet_state_row *rows,
                       size_t count, bool ask);

/* A warning, with the next step, about a QEMU that did not answer or cannot be asked, or
 * a paused guest; NULL: there is none. The caller frees. */
struct maqet_error *maqet_state_notice(const char *name, const struct maqet_state *state);

/* What is known about a crash. The caller frees. */
struct maqet_error *maqet_crash_notice(const struct maqet_context *context,
                                       const char *name);

#endif
