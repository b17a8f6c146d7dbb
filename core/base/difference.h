/* SPDX-License-Identifier: MIT */
/*
 * difference.h - how two lists of lines differ, as diff(1) writes it.
 */
#ifndef MAQET_BASE_DIFFERENCE_H
#define MAQET_BASE_DIFFERENCE_H

#include "core/base/text.h"

/* One line of both lists in their common order. */
struct maqet_difference_line {
    char sign;        /* ' ', '-' (only before) or '+' (only after) */
    const char *text; /* of one of the lists */
};

struct maqet_difference {
    struct maqet_difference_line *lines;
    size_t count;
    bool differs;
};

/* The shortest difference of two lists, which must outlive it. Of very long lists that have
 * little in common, it may not be the shortest. */
struct maqet_difference maqet_difference_of(const struct maqet_strings *before,
                                            const struct maqet_strings *after);
void maqet_difference_clear(struct maqet_difference *difference);

#define _cleanup_difference_ _cleanup_(maqet_difference_clear)

/* In the unified format: "--- before", "+++ after", "@@ -1,4 +1,5 @@", and lines, three of
 * which surround each change. "" if nothing differs. The caller frees. */
char *maqet_difference_text(const struct maqet_difference *difference, const char *before,
                            const char *after);

#endif
