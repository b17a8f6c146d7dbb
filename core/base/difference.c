/* SPDX-License-Identifier: MIT */
#include "core/base/difference.h"

#include <string.h>

/* Lines around a change; and the most pairs of lines that are compared. */
enum { CONTEXT = 3, PAIRS_MAX = 4 << 20 };

void
maqet_difference_clear(struct maqet_difference *difference)
{
    free(difference->lines);
    *difference = (struct maqet_difference){0};
}

static void
add(struct maqet_difference *difference, char sign, const char *text)
{
    *MAQET_APPEND(difference->lines, difference->count) =
        (struct maqet_difference_line){.sign = sign, .text = text};
    difference->differs = difference->differs || sign != ' ';
}

/* ---- the longest common lines ---- */

/* What remains of both lists when the lines are left out that both begin and end with. */
struct middle {
    char *const *before, *const *after;
    size_t before_count, after_count;
};

/* Fills a table in which [i][j] is the number of lines that the rests from line i and line j
 * have in common. The caller frees; NULL: it would be too large. */
static unsigned *
common_counts(const struct middle *middle)
{
    size_t rows = middle->before_count + 1, columns = middle->after_count + 1;

    if (rows > PAIRS_MAX / columns)
        return NULL;
    unsigned *counts = maqet_alloc(rows * columns * sizeof(*counts));
    for (size_t i = middle->before_count; i-- > 0;) {
        for (size_t j = middle->after_count; j-- > 0;) {
            unsigned down = counts[(i + 1) * columns + j];
            unsigned right = counts[i * columns + j + 1];

            counts[i * columns + j] = strcmp(middle->before[i], middle->after[j]) == 0
                                          ? counts[(i + 1) * columns + j + 1] + 1
                                      : down > right ? down
                                                     : right;
        }
    }
    return counts;
}

static void
add_middle(struct maqet_difference *difference, const struct middle *middle)
{
    _cleanup_free_ unsigned *counts = common_counts(middle);
    size_t columns = middle->after_count + 1, i = 0, j = 0;

    while (counts && i < middle->before_count && j < middle->after_count) {
        if (strcmp(middle->before[i], middle->after[j]) == 0) {
            add(difference, ' ', middle->before[i++]);
            j++;
        } else if (counts[(i + 1) * columns + j] >= counts[i * columns + j + 1]) {
            add(difference, '-', middle->before[i++]);
        } else {
            add(difference, '+', middle->after[j++]);
        }
    }
    while (i < middle->before_count)
        add(difference, '-', middle->before[i++]);
    while (j < middle->after_count)
        add(difference, '+', middle->after[j++]);
}

struct maqet_difference
maqet_difference_of(const struct maqet_strings *before, const struct maqet_strings *after)
{
    struct maqet_difference difference = {0};
    size_t least = before->count < after->count ? before->count : after->count;
    size_t first = 0, last = 0;

    while (first < least && strcmp(before->items[first], after->items[first]) == 0)
        add(&difference, ' ', before->items[first++]);
    while (last < least - first && strcmp(before->items[before->count - 1 - last],
                                          after->items[after->count - 1 - last]) == 0)
        last++;
    const struct middle middle = {.before = before->items + first,
                                  .after = after->items + first,
                                  .before_count = before->count - first - last,
                                  .after_count = after->count - first - last};
    add_middle(&difference, &middle);
    for (size_t i = before->count - last; i < before->count; i++)
        add(&difference, ' ', before->items[i]);
    return difference;
}

/* ---- as a text ---- */

/* Whether a line is a change, or close to one. */
static bool
is_shown(const struct maqet_difference *difference, size_t index)
{
    size_t from = index > CONTEXT ? index - CONTEXT : 0;

    for (size_t i = from; i < difference->count && i <= index + CONTEXT; i++)
        if (difference->lines[i].sign != ' ')
            return true;
    return false;
}

/* "12,3"; a range without lines is named by the line before it, as diff(1) does. */
static void
append_range(struct maqet_text *text, size_t first, size_t count)
{
    maqet_text_appendf(text, "%zu", count > 0 ? first + 1 : first);
    if (count != 1)
        maqet_text_appendf(text, ",%zu", count);
}

char *
maqet_difference_text(const struct maqet_difference *difference, const char *before,
                      const char *after)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t of_before = 0, of_after = 0; /* the lines that precede */

    if (!difference->differs)
        return maqet_strdup("");
    maqet_text_appendf(&text, "--- %s\n+++ %s\n", before, after);
    for (size_t i = 0, end; i < difference->count; i = end) {
        size_t removed = 0, added = 0;

        for (end = i; end < difference->count && is_shown(difference, end); end++) {
            removed += difference->lines[end].sign != '+';
            added += difference->lines[end].sign != '-';
        }
        if (end == i) {
            of_before++;
            of_after++;
            end++;
            continue;
        }
        maqet_text_append(&text, "@@ -");
        append_range(&text, of_before, removed);
        maqet_text_append(&text, " +");
        append_range(&text, of_after, added);
        maqet_text_append(&text, " @@\n");
        for (size_t j = i; j < end; j++)
            maqet_text_appendf(&text, "%c%s\n", difference->lines[j].sign,
                               difference->lines[j].text);
        of_before += removed;
        of_after += added;
    }
    return maqet_text_take(&text);
}
