/* SPDX-License-Identifier: MIT */
/*
 * panic.h - a guest whose kernel has panicked.
 */
#ifndef MAQET_MACHINE_PANIC_H
#define MAQET_MACHINE_PANIC_H

#include "core/base/context.h"

/* What is known about the panic: the last lines that the guest has written to its console.
 * The caller frees. */
struct maqet_error *maqet_panic_notice(const struct maqet_context *context,
                                       const char *name);

#endif
