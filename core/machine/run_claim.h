/* SPDX-License-Identifier: MIT */
/*
 * run_claim.h - whose a run folder is: its file `owner` tells which run file, in which
 * data folder, its machine has. For run_folder.c.
 */
#ifndef MAQET_MACHINE_RUN_CLAIM_H
#define MAQET_MACHINE_RUN_CLAIM_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/base/files.h"

/* A machine, and the run file that it is known by. */
struct maqet_run_machine {
    const struct maqet_context *context;
    const char *name;
    bool has_run_file;
    struct maqet_file_id run_file;
};

/* @run_fd may be -1: it has no run file. */
struct maqet_run_machine maqet_run_machine_new(const struct maqet_context *context,
                                               const char *name, int run_fd);

enum maqet_claim {
    MAQET_CLAIM_NONE, /* nobody's, or of a machine that is no more */
    MAQET_CLAIM_OURS,
    MAQET_CLAIM_OTHER, /* of another machine, or one may still run there */
};

/* Whose a folder is, which is there. */
enum maqet_claim maqet_run_claim(const struct maqet_run_machine *machine,
                                 const char *folder);

/* The same for a folder without that file: of an earlier maqet, which knew machines by
 * their names. The UUID of what was started there tells. */
enum maqet_claim maqet_run_claim_of_earlier(const struct maqet_run_machine *machine,
                                            const char *folder);

/* Makes a folder the machine's. */
int maqet_run_claim_write(const struct maqet_run_machine *machine, const char *folder,
                          struct maqet_error **err);

/* Whether a folder has been made somebody's. */
bool maqet_run_claim_is_written(const char *folder);

#endif
