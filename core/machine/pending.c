/* SPDX-License-Identifier: MIT */
#include "core/machine/pending.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/listing.h"
#include "core/machine/store.h"

/* Mostly the two files are the same, and need not be parsed. */
static bool
are_same(const char *one, const char *other)
{
    _cleanup_free_ char *first = NULL, *second = NULL;

    return maqet_file_read(one, MAQET_JSON_LIMIT, &first, NULL, NULL) == 0 &&
           maqet_file_read(other, MAQET_JSON_LIMIT, &second, NULL, NULL) == 0 &&
           strcmp(first, second) == 0;
}

void
maqet_pending_read(const struct maqet_context *context, const char *name,
                   const char *run_folder, struct maqet_strings *keys)
{
    _cleanup_free_ char *started = maqet_format("%s/vm.json", run_folder);
    _cleanup_free_ char *stored = maqet_store_file(context, name, "vm.json");

    if (are_same(started, stored))
        return;
    _cleanup_definition_ struct maqet_definition *then =
        maqet_definition_load(started, name, NULL);
    _cleanup_definition_ struct maqet_definition *next =
        then ? maqet_definition_load(stored, name, NULL) : NULL;
    if (next)
        maqet_listing_differences(then->tree, next->tree, keys);
}
