/* SPDX-License-Identifier: MIT */
/*
 * files.h - a definition from the YAML files that the command line names.
 */
#ifndef MAQET_CLI_FILES_H
#define MAQET_CLI_FILES_H

#include "cli/invocation.h"
#include "core/machine/definition.h"

/*
 * Reads and merges the operands from number @first on, and applies --set (the command has
 * that option). @name overrides the files' name; NULL: it doesn't.
 */
struct maqet_definition *files_read(const struct invocation *invocation, size_t first,
                                    const char *name, struct maqet_error **err);

#endif
