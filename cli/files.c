/* SPDX-License-Identifier: MIT */
#include "cli/files.h"

struct maqet_definition *
files_read(const struct invocation *invocation, size_t first, const char *name,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings assignments = MAQET_STRINGS_INIT;

    for (size_t i = first; i < invocation->operands.count; i++)
        maqet_strings_add(&files, invocation->operands.items[i]);
    invocation_texts(invocation, "set", &assignments);
    return maqet_definition_read(&files, &assignments, name, err);
}
