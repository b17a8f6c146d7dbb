/* SPDX-License-Identifier: MIT */
/*
 * survey.h - asks many QEMUs the same question at the same time, with one deadline: many
 * that hang take no longer than one.
 */
#ifndef MAQET_QEMU_SURVEY_H
#define MAQET_QEMU_SURVEY_H

#include "core/qemu/channel.h"

enum maqet_survey_result {
    MAQET_SURVEY_SILENT,   /* it did not answer in time */
    MAQET_SURVEY_BUSY,     /* another maqet kept its monitor */
    MAQET_SURVEY_ANSWERED, /* or refused: then the answer is NULL */
    MAQET_SURVEY_FAILED,   /* it has ended, or cannot be connected to */
};

/* One of the QEMUs. */
struct maqet_survey {
    char *folder; /* of its monitor's socket and lock */
    bool skipped; /* it is not asked */
    enum maqet_survey_result result;
    json_object *answer;
    double answered; /* when, on the clock of maqet_now_exact() */
    int stage; /* internal, as are the members below */
    int lock;
    struct maqet_channel channel;
};

#define MAQET_SURVEY_INIT                                                                \
    ((struct maqet_survey){.lock = -1, .channel = MAQET_CHANNEL_INIT})

/* Runs a command without arguments on all of them; @socket and @lock are the names of the
 * files in each folder. Returns when all have answered, or after @timeout ms. */
void maqet_survey_run(struct maqet_survey *surveys, size_t count, const char *socket,
                      const char *lock, const char *command, int64_t timeout);

void maqet_survey_clear(struct maqet_survey *survey);

#endif
