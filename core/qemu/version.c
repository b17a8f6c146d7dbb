/* SPDX-License-Identifier: MIT */
#include "core/qemu/version.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/process.h"

static const int64_t TIMEOUT = 10000; /* ms */

bool
maqet_qemu_version(const char *program, int *major, int *minor)
{
    const char *const argv[] = {program, "--version", NULL};
    _cleanup_free_ char *words = NULL;

    if (maqet_process_run(argv, TIMEOUT, &words, NULL) < 0)
        return false;
    const char *version = strstr(words, "version ");
    return version && sscanf(version, "version %d.%d", major, minor) == 2;
}
