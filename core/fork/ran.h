/* SPDX-License-Identifier: MIT */
/*
 * ran.h - how the commands of several runs have ended.
 */
#ifndef MAQET_FORK_RAN_H
#define MAQET_FORK_RAN_H

#include "core/base/field.h"
#include "core/base/text.h"

enum maqet_ran_status {
    MAQET_RAN_PASSED,
    MAQET_RAN_FAILED, /* its exit code is not 0, or it cannot be run */
    MAQET_RAN_LATE,   /* it was ended, as it took too long */
    MAQET_RAN_ERROR,  /* maqet itself has failed */
};

/* "passed"; NULL after the last one. */
const char *maqet_ran_status_name(unsigned status);

struct maqet_ran {
    unsigned number; /* from 1; 0: it was not run */
    char *command;   /* as the user has written it */
    unsigned status; /* of enum maqet_ran_status */
    int exit_code;
    double duration;   /* ms, with the start and the end of the guest */
    char *message;     /* of maqet; NULL: none */
    char *log;         /* the file with what it has printed */
    char *console_log; /* and the one with what the guest has printed */
};

struct maqet_rans {
    struct maqet_ran *items;
    size_t count;
};

void maqet_rans_clear(struct maqet_rans *rans);

#define _cleanup_rans_ _cleanup_(maqet_rans_clear)

/* Its members, for another process. */
extern const struct maqet_fields maqet_ran_fields;

#endif
