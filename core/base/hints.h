/* SPDX-License-Identifier: MIT */
/*
 * hints.h - what can be done about an error. The library does not know how the program that
 * uses it is called, nor its commands and options: it says which step it means and what the
 * step is about (enum maqet_next), and the program has the words (struct maqet_context). What
 * is nothing of the program's, such as a file to move, is said in words.
 */
#ifndef MAQET_BASE_HINTS_H
#define MAQET_BASE_HINTS_H

#include "core/base/next.h"
#include "core/base/text.h"

struct maqet_hint {
    enum maqet_next next;
    struct maqet_strings operands; /* of MAQET_NEXT_WORDS: the words */
};

/* In the order in which they are shown. */
struct maqet_hints {
    struct maqet_hint *items;
    size_t count;
};

/* A hint without operands, to which they are to be added. */
struct maqet_hint *maqet_hints_add(struct maqet_hints *hints, enum maqet_next next);

void maqet_hints_copy(struct maqet_hints *hints, const struct maqet_hints *others);
void maqet_hints_clear(struct maqet_hints *hints);

#endif
