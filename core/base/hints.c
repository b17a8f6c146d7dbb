/* SPDX-License-Identifier: MIT */
#include "core/base/hints.h"

struct maqet_hint *
maqet_hints_add(struct maqet_hints *hints, enum maqet_next next)
{
    hints->items =
        maqet_realloc(hints->items, (hints->count + 1) * sizeof(*hints->items));
    hints->items[hints->count] = (struct maqet_hint){.next = next};
    return &hints->items[hints->count++];
}

void
maqet_hints_copy(struct maqet_hints *hints, const struct maqet_hints *others)
{
    for (size_t i = 0; i < others->count; i++) {
        struct maqet_hint *hint = maqet_hints_add(hints, others->items[i].next);

        for (size_t j = 0; j < others->items[i].operands.count; j++)
            maqet_strings_add(&hint->operands, others->items[i].operands.items[j]);
    }
}

void
maqet_hints_clear(struct maqet_hints *hints)
{
    for (size_t i = 0; i < hints->count; i++)
        maqet_strings_clear(&hints->items[i].operands);
    free(hints->items);
    *hints = (struct maqet_hints){0};
}
