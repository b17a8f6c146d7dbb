/* SPDX-License-Identifier: MIT */
/*
 * strays.h - the children that this process has, and those that a plugin has left it.
 */
#ifndef MAQET_CONFORMANCE_STRAYS_H
#define MAQET_CONFORMANCE_STRAYS_H

#include "core/base/text.h"

/* Makes us the parent of every descendant whose own parent ends. */
void strays_adopt(void);

/* Adds the PIDs of all children, those that have ended and were not waited for too. */
void strays_list(struct maqet_strings *pids);

/* Kills and reaps all children that are not in @known. */
void strays_end(const struct maqet_strings *known);

#endif
