/* SPDX-License-Identifier: MIT */
/*
 * snapshot_convert.h - `maqet snapshot VM convert DRIVE overlay|internal`.
 */
#ifndef MAQET_CLI_SNAPSHOT_CONVERT_H
#define MAQET_CLI_SNAPSHOT_CONVERT_H

#include "cli/invocation.h"

/* The kinds of snapshots by their words in a definition, with what they are; NULL after the last
 * one. */
const char *snapshot_kind_word(unsigned index, const char **help);

extern const struct view snapshot_convert_view;

/* Runs the action. Returns 0, or -1 with an error. */
int snapshot_convert(struct invocation *invocation, struct maqet_error **err);

#endif
