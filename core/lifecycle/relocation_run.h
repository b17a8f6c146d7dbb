/* SPDX-License-Identifier: MIT */
/*
 * relocation_run.h - the course of what gives a drive another image, and its recovery.
 */
#ifndef MAQET_LIFECYCLE_RELOCATION_RUN_H
#define MAQET_LIFECYCLE_RELOCATION_RUN_H

#include "core/lifecycle/relocation.h"

struct maqet_relocation_plan {
    const struct maqet_drive *drive;  /* of the opened machine */
    const struct maqet_storage *type; /* NULL: the same */
    const char *to;
    const struct maqet_job_kind *kind;
    const char *verb; /* for messages: "move" */
    /* Puts the content of the image into the new one, while QEMU does not run. */
    int (*fill)(struct maqet_relocation *relocation, struct maqet_job *job,
                struct maqet_error **err);
};

/* Does all of it. *dropped gets the options that the new type lacks. */
int maqet_relocation_run(struct maqet_relocation *relocation,
                         const struct maqet_relocation_plan *plan,
                         struct maqet_strings *dropped, struct maqet_error **err);

/* For the rows of such jobs. */
int maqet_relocation_recover(struct maqet_job *job, struct maqet_error **err);
int maqet_relocation_forget(struct maqet_job *job, struct maqet_strings *kept,
                            struct maqet_error **err);

#define MAQET_RELOCATION_PHASES                                                          \
    MAQET_JOB_PHASES([MAQET_RELOCATION_COPY] = {.word = "copy",                          \
                                                .finishing = "removes the new image of " \
                                                             "drive '{name}', or the "   \
                                                             "old one if the VM has "    \
                                                             "the new one already"},     \
                     [MAQET_RELOCATION_SWITCH] =                                         \
                         {.word = "switch",                                              \
                          .finishing = "gives drive '{name}' the image that the "        \
                                       "definition names"},                              \
                     [MAQET_RELOCATION_REMOVE] = {.word = "remove",                      \
                                                  .finishing = "removes the old image "  \
                                                               "of drive '{name}'"})

#endif
