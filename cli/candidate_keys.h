/* SPDX-License-Identifier: MIT */
/*
 * candidate_keys.h - keys and values of a definition, for the completion. Both add "KEY=" or,
 * once a key is there, its values.
 */
#ifndef MAQET_CLI_CANDIDATE_KEYS_H
#define MAQET_CLI_CANDIDATE_KEYS_H

#include "cli/candidates.h"

/* Those of a drive that is attached; its type and its interface are those of the command line. */
void candidates_add_settings(struct candidates *candidates);

/* Those that --set takes; the drives are those of the files in the command line. */
void candidates_add_assignments(struct candidates *candidates);

#endif
