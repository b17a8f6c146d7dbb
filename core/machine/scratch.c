/* SPDX-License-Identifier: MIT */
#include "core/machine/scratch.h"

#include <stdlib.h>
#include <string.h>

const char *
maqet_scratch_folder(void)
{
    const char *folder = getenv("TMPDIR");

    /* On many systems /tmp is in memory; QEMU does not use it for this either. */
    return !folder || strcmp(folder, "/tmp") == 0 ? "/var/tmp" : folder;
}
