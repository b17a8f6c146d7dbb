/* SPDX-License-Identifier: MIT */
/*
 * finding.h - what an examination of the host finds, and how it reports it: one finding at
 * a time, as soon as it is known, since some take seconds.
 */
#ifndef MAQET_DOCTOR_FINDING_H
#define MAQET_DOCTOR_FINDING_H

#include "core/base/context.h"
#include "core/base/field.h"

enum maqet_verdict { MAQET_VERDICT_OK, MAQET_VERDICT_WARNING, MAQET_VERDICT_ERROR };

struct maqet_finding {
    char *check; /* what was examined: "kvm" */
    enum maqet_verdict verdict;
    char *text;                /* a sentence without its full stop */
    struct maqet_strings next; /* steps, in the words of the program */
};

/* Its fields; the verdict is "ok", "warning" or "error". */
extern const struct maqet_fields maqet_finding_fields;

struct maqet_doctor {
    const struct maqet_context *context;
    bool fix;             /* repair what is safe */
    bool unknown_store;   /* the data folder cannot be used, so no machine is known */
    int64_t boot_timeout; /* ms in which a guest of one sector must boot */

    /* Called with each finding, which it does not keep. */
    void (*found)(void *data, const struct maqet_finding *finding);
    void *data;

    enum maqet_verdict worst; /* of all findings so far */
};

/* Reports a finding. */
void maqet_doctor_say(struct maqet_doctor *doctor, const char *check,
                      enum maqet_verdict verdict, const char *format, ...)
    MAQET_PRINTF(4, 5);

/* Reports an error as a finding, with its hints as the next steps. */
void maqet_doctor_say_error(struct maqet_doctor *doctor, const char *check,
                            enum maqet_verdict verdict, const struct maqet_error *error);

#endif
