/* SPDX-License-Identifier: MIT */
/*
 * program.h - runs a program in the guest by its agent, which keeps what the program prints
 * until it has ended. No connection stays open meanwhile.
 */
#ifndef MAQET_GUEST_PROGRAM_H
#define MAQET_GUEST_PROGRAM_H

#include "core/machine/opened.h"

/* The most bytes that a program can be given, and that the agent keeps of each of its
 * outputs (QEMU: qga/commands.c, GUEST_EXEC_MAX_OUTPUT). */
enum { MAQET_GUEST_INPUT_MAX = 16 << 20, MAQET_GUEST_OUTPUT_MAX = 16 << 20 };

struct maqet_guest_program {
    const char *const *argv; /* the first is looked up in the guest's PATH */
    const char *input;       /* what it reads; NULL: nothing */
    size_t input_size;
    int64_t answer_timeout; /* ms in which the agent must answer */
    int64_t timeout;        /* ms that the program may run; negative: no limit */
    int64_t spent;          /* ms of these that its input has taken before */
};

/* How a program has ended. */
struct maqet_guest_end {
    int exit_code;           /* 128 and the number of the signal that has killed it */
    struct maqet_text out;   /* its standard output */
    struct maqet_text error; /* its standard error */
    bool is_cut;             /* it has printed more than the agent keeps */
    bool is_late;            /* its time was over before it had ended */
};

void maqet_guest_end_clear(struct maqet_guest_end *end);

#define _cleanup_guest_end_ _cleanup_(maqet_guest_end_clear)

/*
 * Runs a program in the guest of a machine that runs, and waits for its end. On error it
 * does not run, or is told to end with the processes that it has started: after
 * MAQET_ERROR_TIMEOUT of the program, and an interrupt, *end has what it has printed.
 * MAQET_ERROR_MISSING: there is no such program; MAQET_ERROR_PERMISSION: it cannot be run.
 */
int maqet_guest_run(struct maqet_opened *machine,
                    const struct maqet_guest_program *program,
                    struct maqet_guest_end *end, struct maqet_error **err);

#endif
