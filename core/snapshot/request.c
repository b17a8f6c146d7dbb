/* SPDX-License-Identifier: MIT */
#include "core/snapshot/request.h"

void
maqet_snapshot_left_clear(struct maqet_snapshot_left *left)
{
    maqet_strings_clear(&left->skipped);
    maqet_strings_clear(&left->excluded);
}
