/* SPDX-License-Identifier: MIT */
/*
 * editor.h - the user's editor: $VISUAL, $EDITOR, or else `editor` or `vi`.
 */
#ifndef MAQET_CLI_EDITOR_H
#define MAQET_CLI_EDITOR_H

#include <sys/types.h>

#include "core/base/error.h"

/* Has the user edit a file, and waits. The variable may contain arguments, separated by
 * spaces. The editor gets the umask @mask. An exit code other than 0 is an error. */
int editor_run(const char *path, mode_t mask, struct maqet_error **err);

#endif
