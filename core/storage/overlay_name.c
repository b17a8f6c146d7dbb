/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/qemu/objects.h"

char *
maqet_overlay_node_name(const char *drive, uint64_t id)
{
    char *name =
        id == 0 ? maqet_strdup(drive) : maqet_format("maqet-%s_%" PRIu64, drive, id);

    if (strlen(name) <= maqet_kind_blockdev.id_limit)
        return name;
    free(name);
    /* A drive's name begins with a letter, so the name above is never such a one. */
    return maqet_format("maqet-0%016" PRIx64 "_%" PRIu64, maqet_text_hash(drive), id);
}

char *
maqet_overlay_mark(const char *drive, uint64_t id)
{
    return maqet_format("maqet overlay %s %" PRIu64, drive, id);
}

bool
maqet_overlay_is_node_of(const char *drive, const char *name)
{
    const char *number = strrchr(name, '_');
    _cleanup_free_ char *expected =
        maqet_overlay_node_name(drive, number ? strtoull(number + 1, NULL, 10) : 0);

    return strcmp(name, drive) == 0 || strcmp(name, expected) == 0;
}
