/* SPDX-License-Identifier: MIT */
/*
 * host.h - the command that a plugin makes (maqet_command_new and the like in
 * maqet-plugin.h), for those parts of the core that add to it.
 */
#ifndef MAQET_PLUGIN_HOST_H
#define MAQET_PLUGIN_HOST_H

#include "core/base/process.h"

struct maqet_command {
    struct maqet_strings argv;
    struct maqet_strings files;   /* the paths of temporary files, as maqet_command_file
                                   * gave them */
    int *fds;                     /* of each */
    struct maqet_strings secrets; /* files with keys that the program is given */
};

/* Runs a command and frees it; @listener (may be NULL) hears its standard output, which
 * *output (may be NULL) gets, to be freed by the caller; and @exit_code (may be NULL) gets
 * its exit code, of which each is a success then. */
int maqet_command_finish(struct maqet_command *command,
                         const struct maqet_process_listener *listener, int *exit_code,
                         char **output, struct maqet_error **err);

#endif
