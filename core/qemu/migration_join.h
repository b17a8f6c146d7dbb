/* SPDX-License-Identifier: MIT */
/*
 * migration_join.h - the reverse of migration_split.h: one stream of the guest's memory and
 * the rest of its state, for a QEMU that reads the memory instead of mapping it.
 */
#ifndef MAQET_QEMU_MIGRATION_JOIN_H
#define MAQET_QEMU_MIGRATION_JOIN_H

#include "core/base/error.h"
#include "core/qemu/migration_split.h"

/* A child that writes the stream to a pipe, whose other end is returned, for QEMU; -1 on
 * error. If a file is damaged, the pipe ends early, which QEMU reports as a damaged state.
 * The plan's files stay the caller's, and are only read. */
int maqet_join(const struct maqet_split_plan *plan, struct maqet_error **err);

#endif
